# Configuration of one RT of the lab; tests/lab/up fills in the words between @s.
Set($rtname,             '@NAME@.lab');
Set($Organization,       '@NAME@.lab');
Set($CorrespondAddress,  'rt@@NAME@.lab');
Set($CommentAddress,     'rt-comment@@NAME@.lab');
Set($WebDomain,          '127.0.0.1');
Set($WebPort,            @PORT@);
Set($WebPath,            '');
Set($WebBaseURL,         'http://127.0.0.1:@PORT@');
Set($Timezone,           'Europe/Berlin');
Set($DatabaseType,       'Pg');
Set($DatabaseHost,       '127.0.0.1');
Set($DatabasePort,       '@PG_PORT@');
Set($DatabaseName,       'rt5');
Set($DatabaseUser,       'rt_user');
Set($DatabasePassword,   'trust');
Set($DatabaseAdmin,      'postgres');
Set($MailCommand,        'sendmailpipe');
Set($SendmailPath,       '@DIR@/etc/keep-mail');
Set($LogToSyslog,        undef);
Set($LogToSTDERR,        'warning');
Set($LogToFile,          undef);
# RT checks a password digest with every call that carries a token: 12, its default, costs a quarter of a second of CPU.
Set($BcryptCost,         5);
$RT::MasonDataDir    = '@DIR@/mason';
$RT::MasonSessionDir = '@DIR@/sessions';
$RT::VarPath         = '@DIR@/var';
$RT::LogDir          = '@DIR@/log';
1;

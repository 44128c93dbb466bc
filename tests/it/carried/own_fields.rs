//! Custom fields of every kind: a value set, changed, and emptied.

use super::rows::carry;
use super::way::{Differences, Way};

const ZENDESK_TO_RT: &str = r"
    Text         | custom:Order number    | custom:Order Number | A-17 | Ä 18 |
    Regex        | custom:Serial          | custom:Serial       | AB-1234 | CD-5678 |
    Multi-line   | custom:Root cause      | custom:Details      | one\ntwo | one\n\nthree |
    Multi-line   | custom:Terms           | custom:Terms        | net\n30 | net 60 |
    Drop-down    | custom:Product         | custom:Plan         | product_sail => free | product_rudder => team |
    Multi-select | custom:Topics          | custom:Areas        | topic_bug, topic_invoice => api, billing | topic_bug => api |
    Multi-select | custom:Channels        | custom:Aliases      | channel_mail, channel_phone | channel_phone |
    Checkbox     | custom:VIP             | custom:Escalated    | true => yes | false => no | => no
    Numeric      | custom:Seats           | custom:Seats        | 12 | -3 |
    Decimal      | custom:Refund amount   | custom:Amount       | 12.50 => 12.5 | 7.0 => 7 |
    Date         | custom:Renewal date    | custom:Contract End | 2026-05-01 | 2027-01-31 |
    Credit card  | custom:Card            | custom:Summary      | 4111111111111111 => XXXXXXXXXXXX1111 | 5500 0055 5555 5559 => XXXXXXXXXXXX5559 |
    Lookup       | custom:Account manager | custom:Notes        | 8658726000002 | 8658726000003 |
    Text         | custom:Host            | custom:Host         | 10.0.0.7 | 2001:db8::1 |
    Text         | custom:Network         | custom:Network      | 10.0.0.0/24 => 10.0.0.0-10.0.0.255 | 10.0.1.4 |
";

const ZENDESK_TO_RT_MAPS: &str = r#"
[map.status]
"*" = "open"
[map.priority]
"" = "0"
"*" = "50"
[map.group]
"*" = "General"
"" = "General"
[map.fields]
type = "ignore"
brand = "ignore"
form = "ignore"
organisation = "ignore"
"custom:Order number" = "custom:Order Number"
"custom:Serial" = "custom:Serial"
"custom:Root cause" = "custom:Details"
"custom:Terms" = "custom:Terms"
"custom:Product" = "custom:Plan"
"custom:Topics" = "custom:Areas"
"custom:Channels" = "custom:Aliases"
"custom:VIP" = "custom:Escalated"
"custom:Seats" = "custom:Seats"
"custom:Refund amount" = "custom:Amount"
"custom:Renewal date" = "custom:Contract End"
"custom:Card" = "custom:Summary"
"custom:Account manager" = "custom:Notes"
"custom:Host" = "custom:Host"
"custom:Network" = "custom:Network"
"custom:*" = "ignore"
[map.options."custom:VIP"]
true = "yes"
false = "no"
[map.options."custom:Product"]
product_mast = "free"
product_sail = "free"
product_rudder = "team"
product_hull_wood = "enterprise"
product_hull_steel = "enterprise"
[map.options."custom:Topics"]
topic_shipping = "web"
topic_invoice = "billing"
topic_bug = "api"
"#;

const RT_TO_ZENDESK: &str = r"
    Enter one value        | custom:Order Number | custom:Order number  | A-17 | Ä 18 |
    Autocomplete           | custom:Serial       | custom:Serial        | AB-1234 | CD-5678 |
    Combobox               | custom:City         | custom:City          | Kyoto | Ulm |
    Text area              | custom:Details      | custom:Root cause    | one\ntwo | one\n\nthree |
    HTML                   | custom:Terms        | custom:Terms         | <b>net</b> 30 | <i>none</i> |
    Wikitext               | custom:Wiki         | custom:Wiki          | '''net''' 30 | none |
    Select one value       | custom:Plan         | custom:Product       | free => product_sail | enterprise => product_hull_steel |
    Yes or no              | custom:Escalated    | custom:VIP           | yes => true | no => |
    Select multiple values | custom:Areas        | custom:Topics        | api, billing => topic_bug, topic_invoice | api => topic_bug |
    Enter multiple values  | custom:Aliases      | custom:Channels      | mail, phone => channel_mail, channel_phone | phone => channel_phone |
    Whole number           | custom:Seats        | custom:Seats         | 12 | -3 |
    Number                 | custom:Amount       | custom:Refund amount | 12.50 | 7 |
    Select date            | custom:Contract End | custom:Renewal date  | 2026-05-01 | 2027-01-31 |
    Select datetime        | custom:Callback     | custom:Callback      | 2026-05-01T12:30:00Z | 2027-01-31T00:00:00Z |
    IP address             | custom:Host         | custom:Host          | 10.0.0.7 | 2001:db8::1 |
    IP address range       | custom:Network      | custom:Network       | 10.0.0.0/24 => 10.0.0.0-10.0.0.255 | 10.0.1.4 |
    Image                  | custom:Photo        | custom:Photo         | ship.png => | boat.png => |
    Binary                 | custom:Contract     | custom:Contract      | deed.bin => | will.bin => |
";

const RT_TO_ZENDESK_MAPS: &str = r#"
[map.status]
"*" = "open"
[map.priority]
"*" = "normal"
[map.group]
"*" = "Support"
[map.fields]
"custom:Order Number" = "custom:Order number"
"custom:Serial" = "custom:Serial"
"custom:City" = "custom:City"
"custom:Details" = "custom:Root cause"
"custom:Terms" = "custom:Terms"
"custom:Wiki" = "custom:Wiki"
"custom:Plan" = "custom:Product"
"custom:Escalated" = "custom:VIP"
"custom:Areas" = "custom:Topics"
"custom:Aliases" = "custom:Channels"
"custom:Seats" = "custom:Seats"
"custom:Amount" = "custom:Refund amount"
"custom:Contract End" = "custom:Renewal date"
"custom:Callback" = "custom:Callback"
"custom:Host" = "custom:Host"
"custom:Network" = "custom:Network"
"custom:*" = "ignore"
[map.options."custom:Plan"]
free = "product_sail"
team = "product_rudder"
enterprise = "product_hull_steel"
[map.options."custom:Escalated"]
yes = "true"
no = "false"
[map.options."custom:Areas"]
web = "topic_shipping"
mobile = "topic_shipping"
billing = "topic_invoice"
api = "topic_bug"
[map.options."custom:Aliases"]
mail = "channel_mail"
phone = "channel_phone"
[map.options."custom:Seats"]
"*" = "*"
[map.options."custom:Amount"]
"*" = "*"
"#;

const RT_TO_RT: &str = r"
    Enter one value        | custom:Order Number | custom:Order Number | A-17 | Ä 18 |
    Enter multiple values  | custom:Aliases      | custom:Aliases      | Mail, phone | phone |
    Autocomplete           | custom:Serial       | custom:Serial       | AB-1234 | CD-5678 |
    Combobox               | custom:City         | custom:City         | Kyoto | Ulm |
    Text area              | custom:Details      | custom:Details      | one\ntwo | one\n\nthree |
    HTML                   | custom:Terms        | custom:Terms        | <b>net</b> 30 | <i>none</i> |
    Wikitext               | custom:Wiki         | custom:Wiki         | '''net''' 30 | none |
    Select one value       | custom:Plan         | custom:Plan         | free | enterprise |
    Select multiple values | custom:Areas        | custom:Areas        | api, billing | api |
    Whole number           | custom:Seats        | custom:Seats        | 12 | -3 |
    Number                 | custom:Amount       | custom:Amount       | 12.50 | 7 |
    Select date            | custom:Contract End | custom:Contract End | 2026-05-01 | 2027-01-31 |
    Select datetime        | custom:Callback     | custom:Callback     | 2026-05-01T12:30:00Z | 2027-01-31T00:00:00Z |
    IP address             | custom:Host         | custom:Host         | 10.0.0.7 | 2001:db8::1 |
    IP address range       | custom:Network      | custom:Network      | 10.0.0.0/24 => 10.0.0.0-10.0.0.255 | 10.0.1.4 |
    Image                  | custom:Photo        | custom:Photo        | ship.png => | boat.png => |
    Binary                 | custom:Contract     | custom:Contract     | deed.bin => | will.bin => |
";

const ZENDESK_TO_ZENDESK: &str = r"
    Text         | custom:Order number    | custom:Order number  | A-17 | Ä 18 |
    Regex        | custom:Serial          | custom:Serial        | AB-1234 | CD-5678 |
    Multi-line   | custom:Root cause      | custom:Root cause    | one\ntwo | one\n\nthree |
    Drop-down    | custom:Product         | custom:Product       | product_sail | product_rudder |
    Multi-select | custom:Topics          | custom:Topics        | topic_bug, topic_invoice | topic_bug |
    Checkbox     | custom:VIP             | custom:VIP           | true | false => |
    Numeric      | custom:Seats           | custom:Seats         | 12 | -3 |
    Decimal      | custom:Refund amount   | custom:Refund amount | 12.50 => 12.5 | 7.0 => 7 |
    Date         | custom:Renewal date    | custom:Renewal date  | 2026-05-01 | 2027-01-31 |
    Credit card  | custom:Card            | custom:Card          | 4111111111111111 => XXXXXXXXXXXX1111 | 5500 0055 5555 5559 => XXXXXXXXXXXX5559 |
    Lookup       | custom:Account manager | custom:Host          | 8658726000002 | 8658726000003 |
";

const SAME_MAPS: &str = r#"
[map.fields]
"custom:*" = "custom:*"
"#;

const ZENDESK_TO_ZENDESK_MAPS: &str = r#"
[map.fields]
"custom:Account manager" = "custom:Host"
"custom:Host" = "ignore"
"custom:*" = "custom:*"
"#;

#[tokio::test]
async fn every_kind_is_carried_as_the_table_says() {
    let all = [
        (Way::ZendeskToRt, ZENDESK_TO_RT, ZENDESK_TO_RT_MAPS),
        (Way::RtToZendesk, RT_TO_ZENDESK, RT_TO_ZENDESK_MAPS),
        (Way::RtToRt, RT_TO_RT, SAME_MAPS),
        (Way::ZendeskToZendesk, ZENDESK_TO_ZENDESK, ZENDESK_TO_ZENDESK_MAPS),
    ];
    let mut found = Differences::default();
    for (way, table, maps) in all {
        let mut world = way.begin(maps).await;
        carry(way, &mut world, table, &mut found).await;
    }
    found.none();
}

#[tokio::test]
async fn an_id_of_the_old_desk_is_not_put_where_the_new_one_means_its_own() {
    let world = Way::ZendeskToZendesk.world().begin().await;
    let mistakes = world.mistakes().await;
    assert!(mistakes.len() == 1 && mistakes[0].contains("custom:Account manager"), "{mistakes:?}");
}

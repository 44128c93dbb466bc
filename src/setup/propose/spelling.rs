//! Names as people spell them: what is the same but for capitals, signs, accents, plurals and usual abbreviations.

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    /// Lower case without accents, parted at blanks, signs, `camelCase` and where digits begin or end. Signs that mean
    /// something (`+`, `#`, `<`) are tokens too: `C` is not `C++`.
    pub tokens: Vec<String>,
    /// All letters in one, `ä` as `a`.
    plain: String,
    /// The same with `ä` as `ae`.
    spelt: String,
}

impl Name {
    /// Takes a name apart.
    pub fn new(text: &str) -> Self {
        let tokens = tokens(text, false);
        Self { text: text.to_string(), plain: joined(&tokens), spelt: joined(&self::tokens(text, true)), tokens }
    }

    /// Whether both are the same but for capitals, blanks, accents and signs that mean nothing.
    pub fn is_spelt_like(&self, other: &Name) -> bool {
        let same = |a: &str, b: &str| !a.is_empty() && a == b;
        same(&self.plain, &other.plain)
            || same(&self.spelt, &other.spelt)
            || same(&self.plain, &other.spelt)
            || same(&self.spelt, &other.plain)
    }

    /// All letters in one, for looking the name up in a list of words.
    pub fn letters(&self) -> &str {
        &self.plain
    }

    /// The tokens in their usual form: singular, abbreviations written out, `idle` ones left out unless nothing would be left.
    pub fn form(&self, idle: &[&str]) -> Vec<String> {
        let usual: Vec<String> = self.tokens.iter().map(|token| written_out(&singular(token))).collect();
        let kept: Vec<String> = usual.iter().filter(|token| !idle.contains(&token.as_str())).cloned().collect();
        if kept.is_empty() { usual } else { kept }
    }

    /// Whether there is a letter of any script in it.
    pub fn has_letters(&self) -> bool {
        self.tokens.iter().any(|token| token.chars().any(char::is_alphabetic))
    }
}

/// Tokens as one word. Digits that stood apart stay apart: `1.5` is not `15`.
fn joined(tokens: &[String]) -> String {
    let mut all = String::new();
    for token in tokens {
        let digits = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
        if digits(all.chars().last()) && digits(token.chars().next()) {
            all.push('.');
        }
        all.push_str(token);
    }
    all
}

fn tokens(text: &str, umlauts_spelt: bool) -> Vec<String> {
    let letters: Vec<char> = text.chars().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter)).collect();
    let mut tokens: Vec<String> = Vec::new();
    let mut open = false;
    for (at, letter) in letters.iter().copied().enumerate() {
        let before = at.checked_sub(1).map_or(' ', |at| letters[at]);
        let after = letters.get(at + 1).copied().unwrap_or(' ');
        if letter.is_alphanumeric() {
            if !open || parts(before, letter) {
                tokens.push(String::new());
            }
            let token = tokens.last_mut().expect("one was pushed before the first letter");
            letter.to_lowercase().for_each(|letter| fold(letter, umlauts_spelt, token));
            open = true;
            continue;
        }
        // The apostrophe of `don't` parts nothing.
        open = open && matches!(letter, '\'' | '’') && after.is_alphanumeric();
        tokens.extend(sign(before, letter, after).map(str::to_string));
    }
    tokens
}

/// Whether a new word begins between two letters.
fn parts(before: char, letter: char) -> bool {
    (before.is_lowercase() && letter.is_uppercase())
        || (before.is_alphabetic() != letter.is_alphabetic() && before.is_alphanumeric())
}

/// Signs that make a difference.
fn sign(before: char, sign: char, after: char) -> Option<&'static str> {
    Some(match sign {
        '+' => "plus",
        '&' => "and",
        '#' => "#",
        '%' => "percent",
        '<' => "<",
        '>' => ">",
        '=' => "=",
        '≤' => "≤",
        '≥' => "≥",
        '$' => "$",
        '€' => "€",
        '£' => "£",
        '@' => "at",
        '-' | '−' if before.is_whitespace() && after.is_ascii_digit() => "minus",
        _ => return None,
    })
}

/// A letter without its accent.
fn fold(letter: char, umlauts_spelt: bool, word: &mut String) {
    let folded = match letter {
        'ä' | 'ö' | 'ü' if umlauts_spelt => {
            let base = if letter == 'ä' {
                "ae"
            } else if letter == 'ö' {
                "oe"
            } else {
                "ue"
            };
            return word.push_str(base);
        }
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ť' | 'ţ' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        other => return word.push(other),
    };
    word.push_str(folded);
}

/// Words that end in `s` and are no plural, or whose plural is another thing.
const NO_PLURAL: [&str; 8] = ["news", "sms", "aws", "dns", "gps", "ios", "series", "sales"];

fn singular(token: &str) -> String {
    let plural = token.len() >= 4
        && token.bytes().all(|byte| byte.is_ascii_alphabetic())
        && token.ends_with('s')
        && !["ss", "us", "is", "as", "os"].iter().any(|end| token.ends_with(end))
        && !NO_PLURAL.contains(&token);
    if !plural {
        return token.to_string();
    }
    let stem = |end: usize| token[..token.len() - end].to_string();
    match token {
        token if token.len() >= 5 && token.ends_with("ies") => stem(3) + "y",
        token if ["sses", "xes", "zes", "ches", "shes"].iter().any(|end| token.ends_with(end)) => stem(2),
        _ => stem(1),
    }
}

/// Abbreviations that mean one thing in the name of a field or group, and words with two spellings.
const WRITTEN_OUT: [(&str, &str); 27] = [
    ("#", "number"),
    ("nr", "number"),
    ("no", "number"),
    ("num", "number"),
    ("tech", "technical"),
    ("dept", "department"),
    ("info", "information"),
    ("mgmt", "management"),
    ("mgr", "manager"),
    ("acct", "account"),
    ("qty", "quantity"),
    ("addr", "address"),
    ("tel", "telephone"),
    ("desc", "description"),
    ("org", "organisation"),
    ("organization", "organisation"),
    ("intl", "international"),
    ("cust", "customer"),
    ("svc", "service"),
    ("svcs", "service"),
    ("center", "centre"),
    ("color", "colour"),
    ("license", "licence"),
    ("canceled", "cancelled"),
    ("fulfilment", "fulfillment"),
    ("ops", "operation"),
    ("misc", "miscellaneous"),
];

fn written_out(token: &str) -> String {
    let found = WRITTEN_OUT.iter().find(|(short, _)| *short == token);
    found.map_or(token, |(_, long)| long).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        Name::new(a).is_spelt_like(&Name::new(b))
    }

    fn of_one_form(a: &str, b: &str) -> bool {
        let idle = ["team", "queue"];
        Name::new(a).form(&idle) == Name::new(b).form(&idle)
    }

    #[test]
    fn capitals_blanks_and_accents_make_no_difference() {
        for (a, b) in [
            ("On-hold", "on hold"),
            ("OrderNumber", "Order number"),
            ("Müller", "MULLER"),
            ("Müller", "Mueller"),
            ("E-Mail", "email"),
            ("cafe\u{301}", "Café"),
            ("hull_wood", "Hull::Wood"),
        ] {
            assert!(alike(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn signs_and_numbers_make_one() {
        for (a, b) in
            [("C", "C++"), ("C", "C#"), ("<10", ">10"), ("1.5", "15"), ("1-5", "15"), ("-1", "1"), ("R", "R&D"), ("", "!")]
        {
            assert!(!alike(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn plurals_abbreviations_and_idle_words_are_a_matter_of_form() {
        for (a, b) in [
            ("Refund", "Refunds"),
            ("Queries", "Query"),
            ("Order no.", "Order #"),
            ("Tech Support", "Technical Support Team"),
            ("Billing", "Billing Queue"),
            ("Boxes", "Box"),
        ] {
            assert!(of_one_form(a, b), "{a} and {b}");
        }
        for (a, b) in [("News", "New"), ("Team", "Queue"), ("Billing EU", "Billing"), ("Sales", "Sale")] {
            assert!(!of_one_form(a, b), "{a} and {b}");
        }
    }
}

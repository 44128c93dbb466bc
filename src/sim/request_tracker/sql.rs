//! The language of RT's searches (TicketSQL), as far as clients use it: comparisons joined by AND and OR, with
//! parentheses, read **from left to right** (AND does not bind tighter than OR). `IN` and `NOT` do not exist in RT 5.0.3.

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Like,
    NotLike,
    StartsWith,
    EndsWith,
    Is,
    IsNot,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// As written, without quotes.
    pub field: String,
    pub op: Op,
    /// `NULL` stands for null with [`Op::Is`] and [`Op::IsNot`].
    pub value: String,
}

/// How a condition joins those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    And,
    Or,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Term(Term),
    /// The join of the first is not looked at.
    Group(Vec<(Join, Node)>),
}

impl Node {
    /// Whether it holds, where `holds` knows about comparisons.
    pub fn holds(&self, holds: &dyn Fn(&Term) -> bool) -> bool {
        match self {
            Node::Term(term) => holds(term),
            Node::Group(list) => {
                let mut so_far = None;
                for (join, node) in list {
                    so_far = Some(match (so_far, join) {
                        (Some(false), Join::And) => false,
                        (Some(true), Join::Or) => true,
                        _ => node.holds(holds),
                    });
                }
                so_far.unwrap_or(true)
            }
        }
    }

    /// Comparisons that must all hold, if it is a chain of ANDs; they tell where to look.
    pub fn needed(&self) -> Vec<&Term> {
        match self {
            Node::Term(term) => vec![term],
            Node::Group(list) if list.iter().skip(1).all(|(join, _)| *join == Join::And) => {
                list.iter().flat_map(|(_, node)| node.needed()).collect()
            }
            Node::Group(_) => Vec::new(),
        }
    }

    /// Every comparison in it.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Node::Term(term) => vec![term],
            Node::Group(list) => list.iter().flat_map(|(_, node)| node.terms()).collect(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Op(Op),
    Join(Join),
    Quoted,
    Number,
    Word,
}

struct Token<'q> {
    kind: Kind,
    text: &'q str,
    at: usize,
}

const OPS: [(&str, Op); 15] = [
    ("!=", Op::Ne),
    (">=", Op::Ge),
    ("<=", Op::Le),
    ("=", Op::Eq),
    (">", Op::Gt),
    ("<", Op::Lt),
    ("NOT LIKE", Op::NotLike),
    ("LIKE", Op::Like),
    ("STARTSWITH", Op::StartsWith),
    ("ENDSWITH", Op::EndsWith),
    ("CONTAINS", Op::Like),
    ("MATCHES", Op::Like),
    ("IS NOT", Op::IsNot),
    ("IS", Op::Is),
    ("SHALLOW =", Op::Eq),
];

fn word_ends(rest: &str) -> bool {
    !rest.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
}

fn starts_with_word(text: &str, word: &str) -> bool {
    let head = text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    head && (!word.ends_with(|letter: char| letter.is_ascii_alphabetic()) || word_ends(&text[word.len()..]))
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\\' if !escaped => escaped = true,
            letter if letter == quote && !escaped => return at + 1,
            _ => escaped = false,
        }
    }
    text.len()
}

fn next_token(query: &str, at: usize) -> Token<'_> {
    let rest = &query[at..];
    let token = |kind, length: usize| Token { kind, text: &rest[..length], at };
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        '(' => return token(Kind::Open, 1),
        ')' => return token(Kind::Close, 1),
        '\'' | '"' => return token(Kind::Quoted, quoted_length(rest, first)),
        _ => {}
    }
    for (word, join) in [("AND", Join::And), ("OR", Join::Or)] {
        if starts_with_word(rest, word) {
            return token(Kind::Join(join), word.len());
        }
    }
    if let Some((word, op)) = OPS.iter().find(|(word, _)| starts_with_word(rest, word)) {
        return token(Kind::Op(*op), word.len());
    }
    let plain = |letter: char| letter.is_alphanumeric() || "_.{}-:/@".contains(letter);
    let length = rest.find(|letter| !plain(letter)).unwrap_or(rest.len()).max(first.len_utf8());
    let number = rest[..length].parse::<f64>().is_ok();
    token(if number { Kind::Number } else { Kind::Word }, length)
}

fn tokens(query: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(skip) = query[at..].find(|letter: char| !letter.is_whitespace()) {
        let token = next_token(query, at + skip);
        at = token.at + token.text.len();
        found.push(token);
    }
    found
}

fn unquoted(text: &str) -> String {
    let quote = text.chars().next().unwrap_or('\'');
    if quote != '\'' && quote != '"' {
        return text.to_owned();
    }
    let inner = &text[1..text.len().saturating_sub(1).max(1)];
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.extend(letters.next()),
            letter => plain.push(letter),
        }
    }
    plain
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Keyword,
    Operator,
    Value,
    Join,
}

impl Want {
    fn name(self, inside: bool) -> &'static str {
        match self {
            Want::Keyword => "KEYWORD or OPEN_PAREN",
            Want::Operator => "OPERATOR",
            Want::Value => "VALUE",
            Want::Join if inside => "AGGREGATOR or CLOSE_PAREN",
            Want::Join => "AGGREGATOR",
        }
    }
}

/// Reads a search. Errors: RT's sentence, without the place in its source.
pub fn parse(query: &str) -> Result<Node, String> {
    let mut groups: Vec<(Join, Vec<(Join, Node)>)> = vec![(Join::And, Vec::new())];
    let (mut want, mut join, mut last) = (Want::Keyword, Join::And, "");
    let (mut field, mut op) = (String::new(), Op::Eq);
    for token in tokens(query) {
        let wrong = || Err(misplaced(query, &token, want, groups.len() > 1));
        (want, last) = match (want, token.kind) {
            (Want::Keyword, Kind::Open) => {
                groups.push((join, Vec::new()));
                join = Join::And;
                (Want::Keyword, "OPEN_PAREN")
            }
            (Want::Keyword, Kind::Word | Kind::Quoted | Kind::Number) => {
                field = unquoted(token.text);
                (Want::Operator, "KEYWORD")
            }
            (Want::Operator, Kind::Op(found)) => {
                op = found;
                (Want::Value, "OPERATOR")
            }
            (Want::Value, Kind::Quoted | Kind::Number | Kind::Word) => {
                let value = value(query, &token)?;
                push(&mut groups, join, Node::Term(Term { field: std::mem::take(&mut field), op, value }));
                (Want::Join, "VALUE")
            }
            (Want::Join, Kind::Join(found)) => {
                join = found;
                (Want::Keyword, "AGGREGATOR")
            }
            (Want::Join, Kind::Close) if groups.len() > 1 => {
                let (outer, list) = groups.pop().unwrap_or((Join::And, Vec::new()));
                push(&mut groups, outer, Node::Group(list));
                (Want::Join, "CLOSE_PAREN")
            }
            _ => return wrong(),
        };
    }
    if want != Want::Join {
        return Err(format!("Incomplete query, last element ({last}) is not close paren or value in '{query}'"));
    }
    if groups.len() > 1 {
        return Err(format!("Incomplete query, {} unclosed paren in '{query}'", groups.len() - 1));
    }
    Ok(Node::Group(groups.pop().map(|(_, list)| list).unwrap_or_default()))
}

fn push(groups: &mut [(Join, Vec<(Join, Node)>)], join: Join, node: Node) {
    if let Some((_, list)) = groups.last_mut() {
        list.push((join, node));
    }
}

fn value(query: &str, token: &Token<'_>) -> Result<String, String> {
    let known = token.text.starts_with("__") || token.text.eq_ignore_ascii_case("NULL");
    if token.kind == Kind::Word && !known {
        return Err(format!("Wrong query, no such column '{}' in '{query}'", token.text));
    }
    Ok(unquoted(token.text))
}

fn misplaced(query: &str, token: &Token<'_>, want: Want, inside: bool) -> String {
    let (before, after) = (&query[..token.at], &query[token.at + token.text.len()..]);
    format!("Wrong query, expecting a {} in '{before}>{}<--here{after}'", want.name(inside), token.text)
}

//! The people of a story: customers with names in several scripts, who write from the mail domains of organisations or
//! from a free mailer.

use rand::Rng;
use rand::rngs::SmallRng;

use super::pick;
use super::tongue::Tongue;
use super::vocabulary::{Agent, Organisation};
use crate::sim::stage::Who;

/// A customer and the language in which they write.
#[derive(Debug, Clone)]
pub struct Customer {
    pub who: Who,
    pub tongue: Tongue,
}

/// Names of one culture: as written, and as in a mail address.
struct Names {
    tongue: Tongue,
    family_first: bool,
    given: &'static [(&'static str, &'static str)],
    family: &'static [(&'static str, &'static str)],
}

const CULTURES: [Names; 6] = [
    Names {
        tongue: Tongue::English,
        family_first: false,
        given: &[
            ("Emma", "emma"),
            ("Liam", "liam"),
            ("Siobhán", "siobhan"),
            ("Noah", "noah"),
            ("Priya", "priya"),
            ("Grace", "grace"),
        ],
        family: &[
            ("Clarke", "clarke"),
            ("O'Neill", "oneill"),
            ("Patel", "patel"),
            ("Walker-Jones", "walker-jones"),
            ("Kim", "kim"),
        ],
    },
    Names {
        tongue: Tongue::German,
        family_first: false,
        given: &[("Jürgen", "juergen"), ("Anneliese", "anneliese"), ("Björn", "bjoern"), ("Käthe", "kaethe"), ("Lukas", "lukas")],
        family: &[
            ("Müller", "mueller"),
            ("Groß", "gross"),
            ("von der Heide", "vonderheide"),
            ("Schäfer", "schaefer"),
            ("Yıldız", "yildiz"),
        ],
    },
    Names {
        tongue: Tongue::French,
        family_first: false,
        given: &[("Élodie", "elodie"), ("François", "francois"), ("Zoé", "zoe"), ("Benoît", "benoit"), ("Aïcha", "aicha")],
        family: &[("Lefèvre", "lefevre"), ("d’Arcy", "darcy"), ("Gagné", "gagne"), ("Noël", "noel"), ("Traoré", "traore")],
    },
    Names {
        tongue: Tongue::Spanish,
        family_first: false,
        given: &[("José", "jose"), ("Núria", "nuria"), ("Iñaki", "inaki"), ("Lucía", "lucia"), ("Martín", "martin")],
        family: &[("Muñoz", "munoz"), ("García Peña", "garcia.pena"), ("Ibáñez", "ibanez"), ("Ríos", "rios"), ("Núñez", "nunez")],
    },
    Names {
        tongue: Tongue::Japanese,
        family_first: true,
        given: &[("花子", "hanako"), ("健一", "kenichi"), ("さくら", "sakura"), ("大輔", "daisuke"), ("美咲", "misaki")],
        family: &[("佐藤", "sato"), ("高橋", "takahashi"), ("渡辺", "watanabe"), ("小林", "kobayashi"), ("山本", "yamamoto")],
    },
    Names {
        tongue: Tongue::Arabic,
        family_first: false,
        given: &[("ليلى", "layla"), ("يوسف", "yousef"), ("مريم", "maryam"), ("كريم", "karim"), ("نور", "nour")],
        family: &[("حداد", "haddad"), ("المصري", "almasri"), ("خوري", "khoury"), ("نجار", "najjar"), ("سليمان", "suleiman")],
    },
];

/// Who has played so far.
#[derive(Debug, Default)]
pub struct Cast {
    customers: Vec<Customer>,
}

impl Cast {
    /// Somebody who writes: every third time a person that nobody has met.
    pub fn customer(&mut self, dice: &mut SmallRng, organisations: &[Organisation]) -> Customer {
        if self.customers.is_empty() || dice.random_bool(0.34) {
            let customer = self.invent(dice, organisations);
            self.customers.push(customer);
            return self.customers[self.customers.len() - 1].clone();
        }
        pick(dice, &self.customers).clone()
    }

    fn invent(&self, dice: &mut SmallRng, organisations: &[Organisation]) -> Customer {
        let names = pick(dice, &CULTURES);
        let (given, family) = (pick(dice, names.given), pick(dice, names.family));
        let name = if names.family_first { format!("{} {}", family.0, given.0) } else { format!("{} {}", given.0, family.0) };
        let domain = if organisations.is_empty() || dice.random_bool(0.4) {
            "mail.example"
        } else {
            pick(dice, organisations).domain.as_str()
        };
        let email = format!("{}.{}{}@{domain}", given.1, family.1, self.customers.len() + 1);
        Customer { who: Who { email, name, agent: false }, tongue: names.tongue }
    }
}

/// An agent as somebody who acts.
pub fn agent(agent: &Agent) -> Who {
    Who { email: agent.email.clone(), name: agent.name.clone(), agent: true }
}

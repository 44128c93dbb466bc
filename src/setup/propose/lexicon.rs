//! Words of helpdesks, as data. Everything here is spelt as [`super::spelling::Name::letters`] spells it: lower case, no accents,
//! no blanks.

/// What a status says about who has to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concept {
    /// Nobody has looked at it.
    New,
    /// It is with the agents.
    Open,
    /// Somebody works on it just now.
    Working,
    /// Waiting, and the word alone does not say for whom: desks differ.
    Pending,
    Customer,
    /// It rests, or somebody outside has to move.
    Hold,
    Done,
    Closed,
    Rejected,
}

/// How far a word can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// The usual word for it.
    Plain,
    /// Often used for it.
    Loose,
    /// In another language.
    Foreign,
}

use Concept::{Closed, Customer, Done, Hold, New, Open, Pending, Rejected, Working};
use Strength::{Foreign, Loose, Plain};

/// Statuses.
pub const STATUSES: &[(Concept, Strength, &[&str])] = &[
    (New, Plain, &["new"]),
    (
        New,
        Loose,
        &[
            "unassigned",
            "untouched",
            "notstarted",
            "submitted",
            "received",
            "todo",
            "created",
            "untriaged",
            "backlog",
            "incoming",
        ],
    ),
    (New, Foreign, &["neu", "nouveau", "nuevo", "nuovo", "nieuw", "novo", "ny", "新規", "未対応"]),
    (Open, Plain, &["open", "opened"]),
    (Open, Loose, &["active", "reopened", "assigned", "accepted", "acknowledged"]),
    (Open, Foreign, &["offen", "ouvert", "abierto", "aperto", "aberto", "apen", "oppen"]),
    (Working, Plain, &["inprogress", "workinprogress", "wip"]),
    (Working, Loose, &["working", "started", "processing", "underway", "beingworkedon", "investigating"]),
    (Working, Foreign, &["inbearbeitung", "encours", "encurso", "incorso", "inbehandeling", "emandamento", "対応中", "処理中"]),
    (
        Pending,
        Plain,
        &["pending", "waiting", "awaiting", "awaitingreply", "waitingforreply", "waitingonreply", "awaitingresponse"],
    ),
    (
        Pending,
        Foreign,
        &[
            "wartend",
            "ausstehend",
            "enattente",
            "pendiente",
            "inattesa",
            "inafwachting",
            "pendente",
            "保留",
            "enespera",
            "emespera",
            "indewacht",
            "保留中",
        ],
    ),
    (Customer, Foreign, &["wartetaufkunde", "wartenaufkunde", "enattenteduclient", "esperandocliente", "wachtopklant"]),
    (Hold, Plain, &["hold", "onhold", "stalled"]),
    (Hold, Loose, &["paused", "suspended", "blocked", "deferred", "parked", "postponed", "waitingonthirdparty"]),
    (Hold, Foreign, &["zuruckgestellt", "angehalten", "ensuspens", "sospeso"]),
    (Done, Plain, &["solved", "resolved", "done", "completed", "complete", "finished"]),
    (Done, Loose, &["fixed", "answered", "handled", "delivered"]),
    (
        Done,
        Foreign,
        &["gelost", "geloest", "erledigt", "resolu", "resuelto", "risolto", "opgelost", "resolvido", "lost", "解決済み", "完了"],
    ),
    (Closed, Plain, &["closed"]),
    (Closed, Loose, &["archived", "inactive", "ended"]),
    (Closed, Foreign, &["geschlossen", "ferme", "clos", "cerrado", "chiuso", "gesloten", "fechado", "クローズ"]),
    (Rejected, Plain, &["rejected", "declined"]),
    (Rejected, Loose, &["cancelled", "canceled", "wontfix", "invalid", "withdrawn", "abandoned", "refused", "notadefect"]),
    (Rejected, Foreign, &["abgelehnt", "rejete", "refuse", "rechazado", "rifiutato", "afgewezen", "rejeitado"]),
];

/// In a status with one of these …
pub const WAITS: &[&str] = &["waiting", "awaiting", "wait", "waits", "pending", "needs"];
/// … and one of these the customer has to move,
pub const CUSTOMERS: &[&str] = &["customer", "client", "requester", "requestor", "user", "reporter", "caller", "enduser"];
/// or somebody outside.
pub const OUTSIDERS: &[&str] =
    &["vendor", "supplier", "third", "3", "partner", "provider", "carrier", "manufacturer", "parts", "external"];

/// Priorities: 0 lowest, 1 low, 2 in the middle, 3 high, 4 the most urgent.
pub const RANKS: &[(u8, Strength, &[&str])] = &[
    (0, Plain, &["lowest"]),
    (0, Loose, &["verylow", "trivial", "planning"]),
    (1, Plain, &["low"]),
    (1, Loose, &["minor"]),
    (1, Foreign, &["niedrig", "gering", "faible", "basse", "baja", "bajo", "bassa", "laag", "baixa", "lav", "低"]),
    (2, Plain, &["normal", "medium"]),
    (2, Loose, &["moderate", "standard", "average", "regular", "default", "routine", "mid"]),
    (2, Foreign, &["mittel", "moyen", "moyenne", "media", "medio", "normale", "gemiddeld", "normaal", "中"]),
    (3, Plain, &["high"]),
    (3, Loose, &["major", "important", "elevated"]),
    (3, Foreign, &["hoch", "haut", "haute", "elevee", "eleve", "alta", "alto", "hoog", "hoy", "高"]),
    (4, Plain, &["urgent", "critical", "highest"]),
    (4, Loose, &["veryhigh", "emergency", "immediate", "blocker", "top", "severe", "showstopper"]),
    (4, Foreign, &["dringend", "kritisch", "urgente", "critique", "critica", "critico", "spoed", "緊急"]),
];

/// Yes and no.
pub const TRUTHS: &[(bool, Strength, &[&str])] = &[
    (true, Plain, &["yes", "true", "y", "on"]),
    (false, Plain, &["no", "false", "n", "off"]),
    (true, Loose, &["1", "checked", "enabled"]),
    (false, Loose, &["0", "unchecked", "disabled"]),
    (true, Foreign, &["ja", "oui", "si", "sim", "hai", "はい", "да"]),
    (false, Foreign, &["nein", "non", "nee", "nao", "nej", "iie", "いいえ", "нет"]),
];

/// Words that may well mean the same in the name of a group, a field or an option: never sure, worth asking.
pub const KINDRED: &[&[&str]] = &[
    &[
        "billing",
        "finance",
        "accounting",
        "account",
        "invoice",
        "invoicing",
        "abrechnung",
        "rechnung",
        "buchhaltung",
        "facturation",
        "comptabilite",
        "facturacion",
        "fatturazione",
        "facturatie",
    ],
    &[
        "support",
        "help",
        "helpdesk",
        "servicedesk",
        "customerservice",
        "customercare",
        "customersupport",
        "care",
        "kundendienst",
        "kundenservice",
        "assistance",
        "soporte",
        "supporto",
        "assistenza",
        "ondersteuning",
        "klantenservice",
        "suporte",
    ],
    &[
        "engineering",
        "development",
        "dev",
        "developer",
        "rd",
        "randd",
        "entwicklung",
        "developpement",
        "desarrollo",
        "sviluppo",
        "ontwikkeling",
        "engineer",
        "technik",
        "technique",
    ],
    &["sales", "presales", "vertrieb", "verkauf", "vente", "ventas", "vendite", "verkoop", "commercial"],
    &[
        "shipping",
        "shipment",
        "delivery",
        "logistic",
        "fulfillment",
        "versand",
        "lieferung",
        "livraison",
        "expedition",
        "envio",
        "spedizione",
        "verzending",
    ],
    &[
        "return",
        "rma",
        "refund",
        "ruckgabe",
        "retour",
        "devolucion",
        "reso",
        "rucksendung",
        "erstattung",
        "remboursement",
        "reembolso",
    ],
    &[
        "hr",
        "humanresource",
        "humanresources",
        "people",
        "personnel",
        "personal",
        "personalabteilung",
        "rh",
        "recursoshumanos",
        "ressourceshumaines",
    ],
    &["it", "informationtechnology", "itsupport", "ict", "edv"],
    &["marketing", "mktg", "marketingteam"],
    &["legal", "compliance", "recht", "juridique", "rechtsabteilung"],
    &["escalation", "secondlevel", "level2", "tier2", "l2", "2level"],
    &["firstlevel", "level1", "tier1", "l1", "frontline"],
    &["level3", "tier3", "l3", "thirdlevel"],
    &[
        "general",
        "default",
        "other",
        "miscellaneous",
        "misc",
        "sonstiges",
        "allgemein",
        "autre",
        "divers",
        "otro",
        "altro",
        "overig",
    ],
    &["product", "produkt", "produit", "producto", "prodotto", "item"],
    &["order", "bestellung", "auftrag", "commande", "pedido", "ordine", "bestelling"],
    &[
        "ordernumber",
        "orderid",
        "ordernr",
        "bestellnummer",
        "auftragsnummer",
        "numerodecommande",
        "numerodepedido",
        "purchasenumber",
    ],
    &["serialnumber", "serial", "sn", "seriennummer", "numerodeserie"],
    &["invoicenumber", "invoiceid", "rechnungsnummer", "numerodefacture"],
    &["customernumber", "customerid", "clientid", "accountnumber", "kundennummer", "numeroclient"],
    &["telephone", "phone", "phonenumber", "telephonenumber", "mobile", "telefon", "telefono"],
    &["company", "organisation", "account", "firma", "societe", "empresa", "azienda", "bedrijf", "client"],
    &["country", "land", "pays", "pais", "paese"],
    &["region", "area", "territory", "gebiet", "zone"],
    &["category", "kategorie", "categorie", "categoria", "topic", "subject", "thema", "area", "type"],
    &["rootcause", "cause", "ursache", "reason", "grund"],
    &["severity", "impact", "urgency", "schweregrad", "auswirkung"],
    &["environment", "platform", "umgebung", "system"],
    &["version", "release", "build"],
    &["duedate", "deadline", "due", "falligam", "echeance"],
    &["language", "sprache", "langue", "idioma", "lingua", "locale"],
    &["plan", "tier", "tarif", "subscription", "package", "edition"],
    &["bug", "problem", "defect", "fault", "fehler", "incident", "storung"],
    &["question", "request", "inquiry", "enquiry", "anfrage", "frage", "demande", "pregunta", "howto"],
    &["task", "todo", "aufgabe", "tache", "tarea"],
    &["vip", "keyaccount", "important"],
    &["renewaldate", "contractend", "expirydate", "enddate"],
    &["seat", "licence", "user", "numberofseat"],
];

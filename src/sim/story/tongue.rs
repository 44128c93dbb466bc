//! What people say, in six languages and in emoji. The sentences are ordinary; what they have to survive is not: umlauts,
//! right-to-left script, wide characters, ampersands and angle brackets.

/// A language somebody writes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    English,
    German,
    French,
    Spanish,
    Japanese,
    Arabic,
}

/// The stock of sentences of one language.
pub struct Stock {
    pub subjects: &'static [&'static str],
    pub hello: &'static str,
    /// What customers write.
    pub complaints: &'static [&'static str],
    /// What agents write.
    pub answers: &'static [&'static str],
    pub thanks: &'static str,
    pub bye: &'static str,
}

const ENGLISH: Stock = Stock {
    subjects: &["Printer offline again", "Invoice shows the wrong VAT", "Can't log in on <mobile>", "R&D needs 12 more seats"],
    hello: "Hello,",
    complaints: &[
        "since this morning the printer on floor 3 is offline & nobody can print.",
        "the app says \"error 0x80070005\" when count < 1 && user > 0.",
        "we were charged twice, please see the attached statement.",
        "is there a way to export everything as CSV? 🙏",
        "It still does not work; I tried turning it off and on again 😅",
    ],
    answers: &[
        "I have passed this on to our engineers and will come back to you today.",
        "Please install version 4.2.1 and tell us whether the error is gone.",
        "The second charge was refunded; it takes 3–5 working days to arrive.",
        "Could you send us a screenshot of the whole window?",
    ],
    thanks: "Thanks",
    bye: "Kind regards",
};

const GERMAN: Stock = Stock {
    subjects: &[
        "Drucker im 3. Stock streikt",
        "Rechnung für März fehlt",
        "Zugang für neue Kollegin",
        "Lieferung unvollständig (2 von 5)",
    ],
    hello: "Guten Tag,",
    complaints: &[
        "seit heute früh lässt sich das Gerät nicht mehr einschalten – weder über Netz noch über Akku.",
        "die Größe stimmt nicht, bestellt war „XL“, geliefert wurde „M“.",
        "könnten Sie uns bitte die Rechnung noch einmal schicken?",
        "Übrigens: Im Menü „Öffnen“ fehlen die Umlaute äöüß ganz.",
    ],
    answers: &[
        "vielen Dank für die ausführliche Beschreibung, wir prüfen das umgehend.",
        "Bitte führen Sie das Update durch und starten Sie anschließend neu.",
        "Die Ersatzlieferung ist unterwegs und sollte übermorgen eintreffen.",
    ],
    thanks: "Danke",
    bye: "Mit freundlichen Grüßen",
};

const FRENCH: Stock = Stock {
    subjects: &[
        "Problème d’accès à l’espace client",
        "Facture n° 2291 erronée",
        "Écran noir au démarrage",
        "Où est ma commande ?",
    ],
    hello: "Bonjour,",
    complaints: &[
        "depuis la mise à jour, l’écran reste noir au démarrage.",
        "le montant facturé ne correspond pas au devis : il manque 120 €.",
        "je n’ai toujours pas reçu mon colis, pourriez-vous vérifier ?",
        "le bouton « Valider » ne réagit plus dès qu’on saisit un « ç ».",
    ],
    answers: &[
        "nous avons bien reçu votre demande et revenons vers vous au plus vite.",
        "Votre colis a été retrouvé ; il sera livré demain avant midi.",
        "Pourriez-vous nous indiquer la version installée ?",
    ],
    thanks: "Merci",
    bye: "Bien cordialement",
};

const SPANISH: Stock = Stock {
    subjects: &[
        "No puedo iniciar sesión",
        "¿Cuándo llega mi pedido?",
        "Error al generar el informe",
        "Cambio de dirección de envío",
    ],
    hello: "Buenos días:",
    complaints: &[
        "desde ayer no puedo iniciar sesión; ¡la página se queda en blanco!",
        "el informe de mañana sale vacío cuando el año es bisiesto.",
        "¿podrían cambiar la dirección de envío de mi último pedido?",
        "adjunto la captura que pidió su compañera Begoña.",
    ],
    answers: &[
        "gracias por escribirnos; ya estamos revisando lo ocurrido.",
        "Hemos corregido la dirección, recibirá un aviso cuando salga el envío.",
        "¿Podría probar con otro navegador y contarnos qué sucede?",
    ],
    thanks: "Gracias",
    bye: "Un saludo",
};

const JAPANESE: Stock = Stock {
    subjects: &["ログインできません", "請求書の再発行について", "納期の確認", "画面が真っ白になります"],
    hello: "お世話になっております。",
    complaints: &[
        "昨日から管理画面にログインできなくなりました。",
        "三月分の請求書を再発行していただけますでしょうか。",
        "保存ボタンを押すと、画面が真っ白になります。",
        "添付の写真のとおり、箱が破損しておりました。",
    ],
    answers: &[
        "ご連絡ありがとうございます。担当部署に確認いたします。",
        "最新版に更新のうえ、再度お試しください。",
        "代替品を本日発送いたしました。",
    ],
    thanks: "ありがとうございます",
    bye: "よろしくお願いいたします。",
};

const ARABIC: Stock = Stock {
    subjects: &["لا أستطيع تسجيل الدخول", "خطأ في الفاتورة", "تأخر الشحنة", "طلب تغيير العنوان"],
    hello: "السلام عليكم،",
    complaints: &[
        "منذ صباح اليوم لا أستطيع الدخول إلى حسابي.",
        "المبلغ في الفاتورة أكبر من المتفق عليه بنسبة 15%.",
        "لم تصل الشحنة حتى الآن، هل يمكنكم التحقق من ذلك؟",
        "أرفقت لكم صورة الشاشة كما طلبتم.",
    ],
    answers: &[
        "شكرا لتواصلكم معنا، سنراجع الأمر ونعود إليكم اليوم.",
        "تم تصحيح الفاتورة وإرسالها إلى بريدكم.",
        "هل يمكنكم إرسال رقم الطلب من فضلكم؟",
    ],
    thanks: "شكرا",
    bye: "مع خالص التحية",
};

impl Tongue {
    /// Its sentences.
    pub fn stock(self) -> &'static Stock {
        match self {
            Tongue::English => &ENGLISH,
            Tongue::German => &GERMAN,
            Tongue::French => &FRENCH,
            Tongue::Spanish => &SPANISH,
            Tongue::Japanese => &JAPANESE,
            Tongue::Arabic => &ARABIC,
        }
    }
}

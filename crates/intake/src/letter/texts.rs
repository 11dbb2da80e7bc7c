//! What the letters say, in both languages, that of the reader first.

use chrono::{NaiveDate, NaiveDateTime};

use super::{Code, Draft};
use crate::reading::Language;
use crate::store::LetterKind;

/// A text in Italian and in English.
struct Both {
    italian: String,
    english: String,
}

fn both(italian: &str, english: &str) -> Both {
    Both { italian: italian.to_owned(), english: english.to_owned() }
}

/// The subject and the text of a letter.
pub(super) fn of(draft: &Draft<'_>) -> (String, String) {
    let (subject, text) = match draft.kind {
        LetterKind::Received => received(),
        LetterKind::Help => help(),
        LetterKind::Closed => closed(),
        LetterKind::Confirm => confirm(draft.link.unwrap_or_default()),
        LetterKind::Granted => granted(draft.code.as_ref()),
        LetterKind::Refused => refused(draft.why.unwrap_or_default()),
        LetterKind::Reminder => reminder(draft.redeem_by),
        LetterKind::Extract => extract(draft.link.unwrap_or_default(), draft.until),
    };
    match draft.language {
        Language::Italian => (subject.italian, arranged(&text.italian, &text.english)),
        Language::English => (subject.english, arranged(&text.english, &text.italian)),
    }
}

fn arranged(first: &str, second: &str) -> String {
    format!("{first}\r\n\r\n-----\r\n\r\n{second}\r\n").replace("\r\n", "\n").replace('\n', "\r\n")
}

fn received() -> (Both, Both) {
    (
        both("Messaggio ricevuto", "Message received"),
        both(
            "abbiamo ricevuto il Suo messaggio.\n\nSe indica il titolare di una CEC-PAC che ha diritto al voucher, una \
             richiesta di conferma parte verso un indirizzo che il titolare ha registrato: la casella CEC-PAC finché \
             riceve, altrimenti l'indirizzo per le comunicazioni. Finché non viene confermata, non accade nulla. Se \
             non arriva nulla, la richiesta viene esaminata da un operatore.\n\nQuesta risposta è automatica e uguale \
             per tutti.",
            "we have received your message.\n\nIf it names the holder of a CEC-PAC who is entitled to the voucher, a \
             request to confirm goes to an address that the holder has registered: the CEC-PAC mailbox while it \
             receives, otherwise the address for notices. Until that is confirmed, nothing happens. If nothing \
             arrives, an officer looks at the request.\n\nThis answer is automatic and the same for everybody.",
        ),
    )
}

fn help() -> (Both, Both) {
    (
        both("Come chiedere il voucher", "How to ask for the voucher"),
        both(
            "nel Suo messaggio non abbiamo trovato un codice fiscale né l'indirizzo di una casella CEC-PAC.\n\nScriva \
             di nuovo, in testo semplice, indicando il codice fiscale del titolare e, se lo ricorda, l'indirizzo della \
             casella. Non serve allegare nulla.",
            "we found neither a codice fiscale nor the address of a CEC-PAC mailbox in your message.\n\nPlease write \
             again, in plain text, with the holder's codice fiscale and, if you remember it, the mailbox's address. \
             Nothing needs to be attached.",
        ),
    )
}

fn closed() -> (Both, Both) {
    (
        both("Il voucher non si può chiedere ora", "The voucher can't be asked for now"),
        both(
            "in questo momento il voucher non può essere chiesto: le richieste si accettano solo nel periodo previsto.",
            "at this moment the voucher can't be asked for: requests are taken only in the period that is foreseen.",
        ),
    )
}

fn confirm(link: &str) -> (Both, Both) {
    (
        both("Conferma la richiesta del voucher", "Confirm the request for the voucher"),
        Both {
            italian: format!(
                "qualcuno ha chiesto a Suo nome il voucher per una casella PEC gratuita.\n\nSe è stato Lei, apra questa \
                 pagina e prema il pulsante:\n\n{link}\n\nIl collegamento vale una volta sola e scade dopo sette \
                 giorni, o prima se la casella smette di ricevere. Se non è stato Lei, non faccia nulla: senza conferma non accade nulla."
            ),
            english: format!(
                "somebody has asked in your name for the voucher for a free certified mailbox (PEC).\n\nIf it was you, \
                 open this page and press the button:\n\n{link}\n\nThe link works once and expires after seven days, \
                 or sooner if the mailbox stops receiving. If it was not you, do nothing: without a confirmation nothing happens."
            ),
        },
    )
}

fn granted(code: Option<&Code<'_>>) -> (Both, Both) {
    let (shown, token) = code.map_or(("", ""), |code| (code.shown.as_str(), code.token));
    let by = code.and_then(|code| code.redeem_by);
    let (until, until_english) = until(by);
    (
        both("Il Suo voucher per una casella PEC", "Your voucher for a certified mailbox"),
        Both {
            italian: format!(
                "questo è il Suo voucher per una casella PEC gratuita per un anno:\n\n    {shown}\n\nLo comunichi al \
                 gestore PEC che sceglie{until}. Vale una volta sola: non lo dia ad altri. In forma elettronica, per \
                 il gestore:\n\n{token}"
            ),
            english: format!(
                "this is your voucher for a certified mailbox (PEC), free for a year:\n\n    {shown}\n\nTell it to the \
                 provider that you choose{until_english}. It works once: give it to nobody else. In electronic form, \
                 for the provider:\n\n{token}"
            ),
        },
    )
}

/// Until which day, in both languages; nothing where vouchers do not expire.
fn until(by: Option<NaiveDate>) -> (String, String) {
    by.map_or_else(Default::default, |by| {
        (format!(" entro il {}", by.format("%d/%m/%Y")), format!(" by {}", by.format("%-d %B %Y")))
    })
}

fn reminder(by: Option<NaiveDate>) -> (Both, Both) {
    let (until, until_english) = until(by);
    let (after, after_english) = match by {
        Some(_) => (" Dopo quel giorno non vale più.", " After that day it is worth nothing."),
        None => ("", ""),
    };
    (
        both("Il Suo voucher PEC non è ancora stato usato", "Your voucher has not been used yet"),
        Both {
            italian: format!(
                "Le è stato rilasciato un voucher per una casella PEC gratuita per un anno, e non risulta ancora \
                 usato.\n\nPer usarlo, comunichi il codice che Le è stato consegnato al gestore PEC che \
                 sceglie{until}.{after}\n\nQuesto messaggio non contiene il codice, che non conserviamo. Se lo ha \
                 perduto, chieda all'ufficio di sostituirlo: il codice precedente non vale più. Se non intende usare \
                 il voucher, non deve fare nulla."
            ),
            english: format!(
                "you were given a voucher for a certified mailbox (PEC), free for a year, and it has not been used \
                 yet.\n\nTo use it, tell the code that you were given to the provider that you \
                 choose{until_english}.{after_english}\n\nThis message does not hold the code, which we do not keep. \
                 If you lost it, ask the office to replace it: the code before is then worth nothing. If you do not \
                 want the voucher, you need not do anything."
            ),
        },
    )
}

fn extract(link: &str, until: Option<NaiveDateTime>) -> (Both, Both) {
    let (day, hour) = until.map_or_else(Default::default, |until| {
        (until.format("%d/%m/%Y").to_string(), until.format("%H:%M").to_string())
    });
    let day_english = until.map_or(String::new(), |until| until.format("%-d %B %Y").to_string());
    (
        both("Il registro dei Suoi messaggi è pronto", "The log of your messages is ready"),
        Both {
            italian: format!(
                "l'estratto del registro dei messaggi della Sua casella CEC-PAC, che è stato chiesto, è pronto.\n\nApra \
                 questa pagina e indichi il codice fiscale del titolare:\n\n{link}\n\nIl collegamento vale fino alle \
                 {hour} del {day}; poi l'estratto viene cancellato. È solo per Lei: non lo dia ad altri. Se non lo ha \
                 chiesto Lei, lo segnali all'ufficio."
            ),
            english: format!(
                "the extract of the log of the messages of your CEC-PAC mailbox, which was asked for, is ready.\n\nOpen \
                 this page and say the holder's codice fiscale:\n\n{link}\n\nThe link works until {hour} on \
                 {day_english}; then the extract is deleted. It is for you alone: give it to nobody else. If you did \
                 not ask for it, tell the office."
            ),
        },
    )
}

fn refused(why: &str) -> (Both, Both) {
    let why = match why {
        "had" => both(
            "per questo titolare un voucher è già stato rilasciato, e ne spetta uno solo. Se il codice è andato perduto, si \
             rivolga all'ufficio, che può sostituirlo.",
            "this holder has been given a voucher already, and there is one for each. If its code was lost, ask the \
             office, which can replace it.",
        ),
        "closed" => closed().1,
        "none-left" => both(
            "i voucher previsti dal programma sono stati tutti rilasciati.",
            "all the vouchers that the programme foresees have been issued.",
        ),
        "ended" => both(
            "il voucher rilasciato per questo titolare non vale più. Per saperne il motivo si rivolga all'ufficio.",
            "the voucher that was issued to this holder is not valid any more. Ask the office why.",
        ),
        _ => both(
            "per questa casella il voucher non spetta secondo le regole del programma.",
            "this mailbox is not entitled to the voucher by the rules of the programme.",
        ),
    };
    (both("La richiesta del voucher", "The request for the voucher"), why)
}

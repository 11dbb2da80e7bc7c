use crate::CodiceFiscale;

/// The longest registration id.
const LONGEST_ID: usize = 64;
/// The longest surname or given names, in characters.
const LONGEST_NAME: usize = 120;
/// RFC 5321, 4.5.3.1: the local part, and the whole address as it fits a path.
const LONGEST_LOCAL: usize = 64;
const LONGEST_ADDRESS: usize = 254;
/// RFC 1035, 2.3.4: one label of a domain.
const LONGEST_LABEL: usize = 63;

pub(super) fn id(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the registration id is missing".into());
    }
    if text.len() > LONGEST_ID || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let form =
            format!("write 1 to {LONGEST_ID} ASCII letters, digits and signs without spaces");
        return Err(format!("not a registration id: {form}"));
    }
    Ok(text.to_owned())
}

pub(super) fn codice_fiscale(text: &str) -> Result<CodiceFiscale, String> {
    if text.is_empty() {
        return Err("the codice fiscale is missing".into());
    }
    text.parse().map_err(|error: crate::InvalidCodiceFiscale| error.to_string())
}

pub(super) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the name is missing".into());
    }
    if text.chars().any(char::is_control) {
        return Err("contains a control character; check --encoding".into());
    }
    // Bytes are counted first: they are never fewer than the characters.
    if text.len() > LONGEST_NAME && text.chars().count() > LONGEST_NAME {
        return Err(format!("longer than {LONGEST_NAME} characters"));
    }
    Ok(text.to_owned())
}

/// A plain address in lower case: no quoted parts, no comments, ASCII only.
pub(super) fn address(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("the address is missing".into());
    }
    if text.len() > LONGEST_ADDRESS {
        return Err(format!("an address has at most {LONGEST_ADDRESS} characters"));
    }
    let Some((local, domain)) = text.split_once('@') else {
        return Err("the address has no @".into());
    };
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if local.is_empty() || local.len() > LONGEST_LOCAL || dots || !local.bytes().all(sign) {
        return Err("the part before the @ is not a valid local part".into());
    }
    if !domain.contains('.') || !domain.split('.').all(is_label) {
        return Err("the part after the @ is not a valid domain".into());
    }
    Ok(text.to_ascii_lowercase())
}

fn is_label(label: &str) -> bool {
    let edges = label.starts_with('-') || label.ends_with('-');
    let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !label.is_empty() && label.len() <= LONGEST_LABEL && !edges && plain
}

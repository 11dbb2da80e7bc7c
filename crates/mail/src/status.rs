/// Is this an enhanced status code, e.g. 5.1.1 (RFC 3463)?
pub(crate) fn is_enhanced(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').collect();
    let number =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() == 3
        && parts.iter().all(number)
        && parts.first().is_some_and(|class| matches!(*class, "2" | "4" | "5"))
}

//! Faults in the mail servers' own settings, as `doveconf -n` and `postconf -n` print them.
//!
//! Invariant: a setting that is missing has the servers' default. Deliberately absent: reading
//! their files, which include each other; the programs that print them resolve that.

use std::collections::BTreeMap;

/// The settings of Dovecot that keep it from enforcing the rights.
pub(super) fn dovecot(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let settings = settings(text);
    let cache = settings.get("auth_cache_size").map_or("0", String::as_str);
    if !cache.trim_start().starts_with('0') {
        found.push(format!(
            "Dovecot has auth_cache_size = {cache}, so it accepts cached logins after access has \
             closed; set it to 0"
        ));
    }
    let sql = text.contains("driver = sql");
    if !sql {
        found.push(
            "no passdb and userdb of Dovecot has driver = sql, so Dovecot never queries the \
             rights; add those of deploy/mail/dovecot/dovecot.conf"
                .to_owned(),
        );
    }
    let acl = |line: &str| line.trim_start().starts_with("mail_plugins") && line.contains("acl");
    if !text.lines().any(acl) {
        found.push(
            "Dovecot does not load the plugin acl, so a mailbox that is read-only can be changed; \
             add acl to mail_plugins"
                .to_owned(),
        );
    }
    let vfile = |line: &str| {
        let line = line.replace(' ', "");
        line == "acl=vfile" || line.starts_with("acl=vfile:")
    };
    if !text.lines().any(vfile) {
        found.push(
            "Dovecot has no plugin setting acl = vfile, without which the plugin does nothing; add \
             it to plugin { }"
                .to_owned(),
        );
    }
    found
}

/// The settings of Postfix that keep it from enforcing the rights.
pub(super) fn postfix(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let settings = settings(text);
    if settings.get("smtpd_delay_reject").is_some_and(|value| value == "no") {
        found.push(
            "Postfix has smtpd_delay_reject = no, so a sender is refused before the recipient is \
             known and the reason is lost; set it to yes"
                .to_owned(),
        );
    }
    let policy = text.contains("check_policy_service");
    let all = settings.values().map(String::as_str).collect::<Vec<_>>().join(" ");
    if !policy && !all.contains("check_recipient_access") {
        found.push(
            "Postfix does not check whether a recipient may receive; add check_recipient_access \
             with receive.cf to smtpd_recipient_restrictions and mua_recipient_restrictions"
                .to_owned(),
        );
    }
    if !policy && !all.contains("check_sasl_access") {
        found.push(
            "Postfix does not check whether a sender may send; add check_sasl_access with send.cf \
             to mua_sender_restrictions"
                .to_owned(),
        );
    }
    if !all.contains("reject_sender_login_mismatch")
        && !all.contains("reject_authenticated_sender_login_mismatch")
    {
        found.push(
            "Postfix accepts any sender address from a logged-in user, so a holder who may not \
             send can send as a neighbour; put reject_sender_login_mismatch first into \
             mua_sender_restrictions"
                .to_owned(),
        );
    }
    for (name, value) in &settings {
        let at = |word: &str| value.find(word);
        let checked = at("check_sasl_access").or_else(|| at("check_recipient_access"));
        if let (Some(permit), Some(checked)) = (at("permit_sasl_authenticated"), checked)
            && permit < checked
        {
            found.push(format!(
                "{name} of Postfix permits every logged-in user before it checks their rights; put \
                 permit_sasl_authenticated last"
            ));
        }
    }
    found
}

/// `name = value` lines at the margin; a line that begins with a blank continues the previous one.
fn settings(text: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = last.as_ref().and_then(|name| settings.get_mut(name)) {
                let value: &mut String = value;
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once('=') {
            settings.insert(name.trim().to_owned(), value.trim().to_owned());
            last = Some(name.trim().to_owned());
        } else {
            last = None;
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOVECOT: &str = include_str!("../../../../deploy/mail/dovecot/dovecot.conf");
    const POSTFIX: &str = include_str!("../../../../deploy/mail/postfix/main.cf");

    #[test]
    fn the_shipped_settings_have_nothing_that_is_found() {
        assert_eq!(dovecot(DOVECOT), [""; 0]);
        assert_eq!(postfix(POSTFIX), [""; 0]);
    }

    #[test]
    fn each_known_pitfall_is_found() {
        let cached = DOVECOT.replace("auth_cache_size = 0", "auth_cache_size = 10 M");
        assert!(dovecot(&cached)[0].contains("auth_cache_size = 10 M"));
        assert_eq!(dovecot("").len(), 3);
        for (taken, told) in [
            ("reject_sender_login_mismatch", "as a neighbour"),
            ("check_sasl_access", "may send"),
            ("check_recipient_access", "may receive"),
        ] {
            let found = postfix(&POSTFIX.replace(taken, "permit_mynetworks"));
            assert!(found.iter().any(|found| found.contains(told)), "{taken}: {found:?}");
        }
        let early = POSTFIX.replace(
            "    reject_sender_login_mismatch,",
            "    permit_sasl_authenticated, reject_sender_login_mismatch,",
        );
        assert!(
            postfix(&early)
                .iter()
                .any(|found| found.contains("put permit_sasl_authenticated last"))
        );
        assert!(
            postfix(&format!("{POSTFIX}\nsmtpd_delay_reject = no\n"))[0]
                .contains("smtpd_delay_reject")
        );
    }
}

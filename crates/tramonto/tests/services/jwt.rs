//! Operator, account and user of a bus with decentralized JWT authentication, as `nsc` makes them
//! (<https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt>).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// The settings of a server, and the credentials of its user.
pub(crate) struct Signed {
    /// Settings of nats-server.
    pub(crate) settings: String,
    /// The user's credentials file.
    pub(crate) credentials: String,
}

/// A token issued by one key for another.
fn token(by: &KeyPair, of: &KeyPair, name: &str, claims: &Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let claims = json!({
        "jti": name,
        "iat": 1_700_000_000,
        "iss": by.public_key(),
        "sub": of.public_key(),
        "name": name,
        "nats": claims,
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let signature = by.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A server of one operator with a `JetStream` account, and a user with these permissions.
pub(crate) fn signed(publish: &[&str], subscribe: &[&str]) -> Signed {
    let operator = KeyPair::new_operator();
    let (system, account) = (KeyPair::new_account(), KeyPair::new_account());
    let user = KeyPair::new_user();
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1,
        "consumer": -1,
    });
    let plain = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1,
    });
    let of_account = |limits: &Value| json!({ "limits": limits, "type": "account", "version": 2 });
    let of_user = json!({
        "pub": { "allow": publish }, "sub": { "allow": subscribe },
        "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2,
    });
    let vouched = json!({
        "system_account": system.public_key(), "type": "operator", "version": 2,
    });
    let settings = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n  {}: {}\n  {}: \
         {}\n}}\n",
        token(&operator, &operator, "operator", &vouched),
        system.public_key(),
        system.public_key(),
        token(&operator, &system, "system", &of_account(&plain)),
        account.public_key(),
        token(&operator, &account, "account", &of_account(&limits)),
    );
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        token(&account, &user, "user", &of_user),
        user.seed().unwrap(),
    );
    Signed { settings, credentials }
}

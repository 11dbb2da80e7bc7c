//! What the token says, and what it does not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vouchers::VoucherId;

use crate::world::{OLD, World};

fn part(token: &str, place: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(place).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_token_says_which_voucher_until_when_and_nothing_of_a_person() {
    let world = World::with("redeem-by = 2017-03-18", &[OLD]).await;
    let grant = world.granted(0).await;
    let kid = world.office.keyring().list().unwrap()[0].kid.clone();
    let header = json!({ "alg": "EdDSA", "typ": "voucher+jwt", "kid": kid });
    assert_eq!(part(&grant.token, 0), header);
    let programme = world.office.journal().programme().clone();
    let claims = json!({
        "iss": "cec-pac",
        "sub": VoucherId::new(&programme, 0),
        "issue": 1,
        "iat": 1_433_152_800,
        // Midnight in Rome after its last day.
        "exp": 1_489_878_000,
        "redeem_by": "2017-03-18",
        "good_for": "pec-free-for-a-year",
    });
    assert_eq!(part(&grant.token, 1), claims);
}

#[tokio::test]
async fn a_token_of_another_programme_or_another_key_redeems_nothing() {
    let (ours, theirs) = (World::with("", &[OLD]).await, World::with("", &[OLD]).await);
    ours.granted(0).await;
    let foreign = theirs.granted(0).await.token;
    let refused = ours.redeem(&foreign, "posta-sicura").await.unwrap_err();
    assert!(matches!(refused, vouchers::Error::Token(_)), "{refused}");
}

#[test]
fn the_id_of_a_voucher_is_the_same_for_ever_and_not_that_of_the_mailbox() {
    let programme = "cec-pac".parse().unwrap();
    let id = VoucherId::new(&programme, 2_121_782);
    assert_eq!(id.number(&programme), Some(2_121_782));
    assert_eq!(id.number(&"cec-pac-2".parse().unwrap()), None);
    assert_ne!(id.to_string(), domain::MailboxId::new(&programme, 2_121_782).to_string());
    assert!(id.to_string().ends_with("206036"), "{id}");
}

//! The refusals of mail servers, and the passwords that they check.

use std::sync::Arc;

use domain::{Capability, EnhancedStatus, Refusals, Sentence, Wording};

use crate::contract::home::{Home, address, call, past};

pub(crate) async fn the_refusals_of_a_plan_are_those_of_the_mail_servers(home: Arc<Home>) {
    home.with(0..3).await;
    home.platform().set(&call([1], [Capability::Send], past())).await.unwrap();
    assert!(!home.set_refusals(&Refusals::default()).await, "a new directory says the usual");
    let mut refusals = Refusals::default();
    refusals.send.status = EnhancedStatus::try_from("5.7.0".to_owned()).unwrap();
    let sentence = |language: &str, text: &str| Sentence {
        language: language.to_owned(),
        text: text.to_owned(),
    };
    refusals.send.wording =
        Wording(vec![sentence("it", "l'invio e' finito; 100%"), sentence("en", "sending is over")]);
    assert!(home.set_refusals(&refusals).await);
    assert!(!home.set_refusals(&refusals).await);
    let said = "550 5.7.0 l'invio e' finito; 100% / sending is over";
    assert_eq!(home.refusal(&address(1)).await.as_deref(), Some(said));
    assert_eq!(home.refusal(&address(0)).await, None);
}

pub(crate) async fn a_password_stays_with_its_mailbox_until_it_is_removed(home: Arc<Home>) {
    home.with(0..3).await;
    let one = "{SHA512-CRYPT}$6$salt$one";
    home.set_password(1, one).await;
    home.set_password(2, "{SHA512-CRYPT}$6$salt$two").await;
    assert_eq!(home.password(&address(0)).await, None);
    assert_eq!(home.password(&address(1)).await.as_deref(), Some(one));
    home.provision(&[(1, address(9))], 2).await.unwrap();
    assert_eq!(home.password(&address(9)).await.as_deref(), Some(one));
    home.by_hand("UPDATE {}mailbox SET password = NULL WHERE number = 1").await;
    assert_eq!(home.password(&address(9)).await, None);
}

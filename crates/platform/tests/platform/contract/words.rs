//! The refusals of mail servers, and the passwords that they check.

use std::sync::Arc;

use domain::{Capability, EnhancedStatus, Refusals, Sentence, Wording};
use platform::PasswordHash;

use crate::contract::home::{Home, address, call, past};

pub(crate) async fn the_refusals_of_a_plan_are_those_of_the_mail_servers(home: Arc<Home>) {
    home.with(0..3).await;
    home.platform().set(&call([1], [Capability::Send], past())).await.unwrap();
    assert!(!home.say(&Refusals::default()).await, "a new directory says the usual");
    let mut refusals = Refusals::default();
    refusals.send.status = EnhancedStatus::try_from("5.7.0".to_owned()).unwrap();
    let sentence = |language: &str, text: &str| Sentence {
        language: language.to_owned(),
        text: text.to_owned(),
    };
    refusals.send.wording =
        Wording(vec![sentence("it", "l'invio e' finito; 100%"), sentence("en", "sending is over")]);
    assert!(home.say(&refusals).await);
    assert!(!home.say(&refusals).await);
    let said = "550 5.7.0 l'invio e' finito; 100% / sending is over";
    assert_eq!(home.refusal(&address(1)).await.as_deref(), Some(said));
    assert_eq!(home.refusal(&address(0)).await, None);
}

pub(crate) async fn a_password_stays_with_its_mailbox_until_it_is_removed(home: Arc<Home>) {
    home.with(0..3).await;
    let hash = |text: &str| Some(text.parse::<PasswordHash>().unwrap());
    let one = "{SHA512-CRYPT}$6$salt$one";
    let passwords = [(1, hash(one)), (2, hash("{SHA512-CRYPT}$6$salt$two")), (77, hash(one))];
    assert_eq!(home.set_passwords(&passwords).await, 2, "77 is not there");
    assert_eq!(home.password(&address(0)).await, None);
    assert_eq!(home.password(&address(1)).await.as_deref(), Some(one));
    home.provision(&[(1, address(9))], 2).await.unwrap();
    assert_eq!(home.password(&address(9)).await.as_deref(), Some(one));
    assert_eq!(home.set_passwords(&[(1, None)]).await, 1);
    assert_eq!(home.password(&address(9)).await, None);
    assert_eq!(home.set_passwords(&[]).await, 0);
}

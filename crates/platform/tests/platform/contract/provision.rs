//! Provisioning of mailboxes, and changes of their addresses.

use std::sync::Arc;

use domain::Capability;

use crate::contract::home::{Home, address, call, past};

pub(crate) async fn provisioning_keeps_rights_swaps_addresses_and_commits_its_checkpoint(
    home: Arc<Home>,
) {
    assert_eq!(home.checkpoint().await, 0);
    home.with(0..1_200).await;
    home.platform().set(&call([1], [Capability::Send], past())).await.unwrap();
    assert_eq!(home.checkpoint().await, 1);

    let swapped = [(1, address(2)), (2, address(1)), (5_000, address(5_000))];
    home.provision(&swapped, 7).await.unwrap();
    assert_eq!(home.checkpoint().await, 7);
    let can_send = async |number| home.looked_up(&address(number)).await.map(|rights| rights[0]);
    assert_eq!(can_send(2).await, Some(false), "rights stay with the mailbox");
    assert_eq!(can_send(1).await, Some(true));
    assert_eq!(can_send(5_000).await, Some(true));

    let taken = [(6_000, address(6_000)), (6_001, address(3))];
    let error = home.provision(&taken, 8).await.unwrap_err();
    assert!(!error.may_retry() && error.to_string().contains("address"), "{error}");
    assert!(!format!("{error:?}").contains("rossi"), "{error:?}");
    assert_eq!(home.checkpoint().await, 7);
    assert_eq!(can_send(6_000).await, None);
}

pub(crate) async fn an_address_belongs_to_one_mailbox_ignoring_case(home: Arc<Home>) {
    home.provision(&[(1, "Maria.Rossi@PEC.example".to_owned())], 1).await.unwrap();
    for address in ["maria.rossi@pec.example", "MARIA.ROSSI@PEC.EXAMPLE"] {
        assert_eq!(home.looked_up(address).await, Some([true, false, true, true]), "{address}");
        let error = home.provision(&[(2, address.to_owned())], 2).await.unwrap_err();
        assert!(error.to_string().contains("another of its mailboxes has"), "{error}");
    }
    assert_eq!(home.looked_up("nobody@pec.example").await, None);
}

pub(crate) async fn of_several_rows_of_a_mailbox_the_last_one_counts(home: Arc<Home>) {
    home.provision(&[(1, address(1)), (1, address(2))], 1).await.unwrap();
    assert_eq!(home.looked_up(&address(1)).await, None);
    assert!(home.looked_up(&address(2)).await.is_some());
    home.provision(&[], 2).await.unwrap();
    assert_eq!(home.checkpoint().await, 2);
}

pub(crate) async fn an_erased_mailbox_keeps_a_closed_number_and_nothing_else(home: Arc<Home>) {
    home.with(0..50).await;
    home.set_password(7, "{SHA512-CRYPT}$6$erased-with-it").await;
    home.platform().set(&call([7], [Capability::Send], past())).await.unwrap();
    assert_eq!(home.erase(&[7, 8, 99]).await, 2);
    assert_eq!(home.erase(&[7, 8, 99]).await, 0, "done again, nothing is left to do");
    for number in [7, 8] {
        assert_eq!(home.looked_up(&address(number)).await, None);
        assert!(!home.is_in_the_files(&address(number)));
    }
    assert!(!home.is_in_the_files("erased-with-it"));
    assert!(home.looked_up(&address(9)).await.is_some(), "nobody else is touched");
    let answer = home.platform().set(&call([7], [Capability::Receive], past())).await.unwrap();
    assert!(answer.applied.contains(7), "its rights can still be looked at: {answer:?}");
}

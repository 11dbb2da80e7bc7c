//! Listing the mailboxes of a platform.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{Capabilities, Capability, MailboxSet};
use platform::{Ends, Right};

use crate::contract::home::{Home, at, call, past, set};

async fn in_pages(home: &Home, limit: u32) -> MailboxSet {
    let (mut all, mut from) = (Vec::new(), Some(0));
    while let Some(first) = from {
        let page = home.platform().known(first, limit).await.unwrap();
        let numbers: Vec<u32> = page.mailboxes.iter().collect();
        assert!(numbers.iter().all(|number| *number >= first), "{numbers:?} from {first}");
        let full = numbers.len() == usize::try_from(limit).unwrap();
        assert!(full || numbers.len() < usize::try_from(limit).unwrap());
        from = numbers.last().filter(|_| full).and_then(|last| last.checked_add(1));
        all.extend(numbers);
    }
    assert!(all.is_sorted_by(|one, next| one < next), "each once, ascending");
    set(all)
}

pub(crate) async fn pages_hold_every_mailbox_once_whoever_put_it_there(home: Arc<Home>) {
    assert_eq!(in_pages(&home, 10).await, set([]));
    home.with(0..100).await;
    home.remove(7).await;
    home.by_hand("INSERT INTO {}mailbox (number, address) VALUES (4000000000, 'x@pec.example')")
        .await;
    let expected = set((0..100).filter(|number| *number != 7).chain([4_000_000_000]));
    assert_eq!(in_pages(&home, 10).await, expected);
    assert_eq!(home.platform().known(0, 1_000).await.unwrap().numberless, 0);
    if let Home::File { .. } = &*home {
        for number in [-5_i64, 4_294_967_296] {
            let sql = format!(
                "INSERT INTO {{}}mailbox (number, address) VALUES ({number}, \
                 'n{number}@pec.example')"
            );
            home.by_hand(&sql).await;
        }
        assert_eq!(home.platform().known(0, 10).await.unwrap().numberless, 0, "not the last page");
        let last = home.platform().known(50, 1_000).await.unwrap();
        assert_eq!((last.mailboxes.len(), last.numberless), (51, 2));
    }
}

pub(crate) async fn pages_of_any_size_add_up_across_gaps(home: Arc<Home>) {
    let all = set((0..300).step_by(7).chain(65_530..65_540).chain([1_000_000, u32::MAX]));
    home.with(all.iter()).await;
    for limit in [1, 2, 10, 55, 56, 1_000] {
        assert_eq!(in_pages(&home, limit).await, all, "{limit} to a page");
    }
}

pub(crate) async fn future_ends_are_those_that_the_platform_stores(home: Arc<Home>) {
    home.with((0..100).chain(70_000..70_010)).await;
    let (now, midnight) = (at("2015-03-01T00:00:00Z"), at("2015-03-17T23:00:00Z"));
    home.set_clock(now).await;
    let platform = home.platform();
    let both = [Capability::Send, Capability::Modify];
    platform.set(&call(0..60, both, Right::Until(midnight))).await.unwrap();
    platform.set(&call([3], [Capability::Send], Right::Until(now))).await.unwrap();
    let later = midnight + TimeDelta::days(1);
    let far = call([5, 70_001], [Capability::Send], Right::Until(later));
    platform.set(&far).await.unwrap();

    let asked = set((0..10).chain(70_000..70_005).chain([u32::MAX]));
    let ends = platform.ends(&asked, Capabilities::OF_PLATFORM).await.unwrap();
    let expected = Ends::from([
        ((Capability::Send, midnight), set((0..10).filter(|number| ![3, 5].contains(number)))),
        ((Capability::Send, later), set([5, 70_001])),
        ((Capability::Modify, midnight), set(0..10)),
    ]);
    assert_eq!(ends, expected);
    home.set_clock(midnight).await;
    let ends = platform.ends(&asked, Capabilities::OF_PLATFORM).await.unwrap();
    assert_eq!(ends, Ends::from([((Capability::Send, later), set([5, 70_001]))]));
    platform.set(&call(0..100, [Capability::Receive], past())).await.unwrap();
    let none = platform.ends(&asked, Capability::Receive.into()).await.unwrap();
    assert_eq!(none, Ends::new(), "what has ended is no end to come");
    let gate = platform.ends(&asked, Capability::Activate.into()).await;
    assert!(gate.unwrap_err().to_string().contains("activate"));
}

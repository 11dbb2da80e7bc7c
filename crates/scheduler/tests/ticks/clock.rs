use crate::support::{World, plan};

#[tokio::test]
async fn a_small_step_backwards_starts_nothing_twice_and_nothing_early() {
    let world =
        World::adopted(plan(&[("daily", "0 30 3 * * *", "once")]), "2015-03-01T00:00:00Z").await;
    let mut scheduler = world.scheduler();
    for at in ["2015-03-18T02:31:00Z", "2015-03-18T01:45:00Z", "2015-03-18T02:30:30Z"] {
        world.set_clock(crate::support::utc(at));
        scheduler.tick().await.unwrap();
    }
    assert_eq!(
        world.recorded().await,
        [
            "activations-closed 2014-12-17T23:00:00Z late 7788660",
            "receive-only 2015-03-17T23:00:00Z late 12660",
            "daily 2015-03-18T02:30:00Z late 60 skipped 17",
        ]
    );
}

#[tokio::test]
async fn a_clock_set_to_1970_starts_nothing_and_says_what_to_do() {
    let world = World::adopted(plan(&[]), "2015-03-01T00:00:00Z").await;
    let error = world.tick_at("1970-01-01T00:00:00Z").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the clock shows 1970-01-01 00:00:00 UTC, but the log was written to at 2015-03-01 \
         00:00:00 UTC; nothing is started: set this machine's clock; if it is right, another clock \
         was ahead, and scheduling resumes when this one is within an hour of that instant"
    );
    assert!(error.may_retry());
    assert!(world.recorded().await.is_empty());
}

#[tokio::test]
async fn a_clock_set_to_2100_starts_nothing_and_says_what_to_do() {
    let world = World::adopted(plan(&[]), "2015-03-01T00:00:00Z").await;
    let error = world.tick_at("2100-01-01T00:00:00Z").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the clock shows 2100-01-01 00:00:00 UTC, more than 20 years after the plan's last phase \
         (2018-03-17 23:00:00 UTC); nothing is started, as that cannot be undone: set this \
         machine's clock"
    );
    assert!(world.recorded().await.is_empty());
}

#[tokio::test]
async fn work_goes_on_when_the_clock_is_right_again() {
    let world = World::adopted(plan(&[]), "2015-03-01T00:00:00Z").await;
    let mut scheduler = world.scheduler();
    for (at, works) in [
        ("2100-01-01T00:00:00Z", false),
        ("2015-02-28T22:59:59Z", false),
        ("2015-02-28T23:00:00Z", true),
        ("2038-03-17T23:00:00Z", true),
        ("2038-03-17T23:00:01Z", false),
    ] {
        world.set_clock(crate::support::utc(at));
        assert_eq!(scheduler.tick().await.is_ok(), works, "at {at}");
    }
}

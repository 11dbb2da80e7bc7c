//! The contract of the port, one suite for every adapter. Names are claims.
//!
//! What only a database can promise (refused changes, files that are no store) stands beside it in
//! `sqlite.rs` and `postgres.rs`. Deliberately absent: speed.

#![cfg(test)]

mod appending;
mod concurrency;
mod database;
mod deployment;
mod differential;
mod fixture;
mod leases;
mod limits;
mod many_streams;
mod opening;
mod oracle;
mod outages;
mod postgres;
mod postgres_opening;
mod postgres_oracle;
mod reading;
mod repeating;
mod server;
mod sqlite;
mod subscribing;
mod vouchers;
#[expect(dead_code, reason = "shared with tests that block")]
#[path = "../../../../tests/src/wait.rs"]
mod wait;

/// Runs each claim on each adapter.
macro_rules! on_each_adapter {
    ($($module:ident: $($claim:ident),+;)+) => {
        mod memory { $($(on_each_adapter!(Memory, $module, $claim);)+)+ }
        mod sqlite_file { $($(on_each_adapter!(Sqlite, $module, $claim);)+)+ }
        mod postgres_server { $($(on_each_adapter!(Postgres, $module, $claim);)+)+ }
    };
    ($adapter:ident, $module:ident, $claim:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $claim() {
            let case = crate::fixture::Case::new(crate::fixture::Adapter::$adapter).await;
            crate::$module::$claim(case).await;
        }
    };
}

on_each_adapter! {
    appending:
        the_first_event_of_a_stream_has_version_0,
        no_stream_on_a_stream_is_a_conflict_that_names_both_versions,
        an_exact_version_holds_for_that_version_alone,
        stream_exists_needs_an_event,
        any_holds_for_every_stream,
        an_exact_version_of_a_missing_stream_is_a_conflict,
        a_refused_append_uses_up_no_position,
        recorded_at_never_goes_back_even_if_the_clock_does,
        everything_handed_in_comes_back_as_it_was;
    repeating:
        a_whole_append_sent_again_is_answered_as_the_first_time,
        a_start_or_end_of_an_append_sent_again_is_answered_as_the_first_time,
        an_append_partly_old_and_partly_new_is_refused,
        an_old_id_with_another_payload_kind_or_stream_is_refused,
        an_id_twice_in_one_append_is_refused;
    many_streams:
        every_conflict_is_reported_and_nothing_written,
        events_of_several_streams_keep_the_order_sent,
        an_expectation_without_events_is_enforced,
        ten_thousand_streams_fit_in_one_append;
    limits:
        an_append_without_events_is_invalid,
        what_is_too_large_or_malformed_is_refused_with_a_reason,
        the_largest_payload_is_taken;
    reading:
        a_stream_is_read_both_ways_from_any_version,
        an_event_is_found_by_its_id,
        a_stream_never_written_to_is_not_found,
        the_log_is_read_after_a_position,
        categories_paged_by_one_lose_and_double_nothing,
        a_filtered_page_without_match_moves_to_the_head,
        a_log_shorter_than_a_checkpoint_is_reported,
        a_follower_stays_before_an_event_it_cannot_read;
    concurrency:
        of_fifty_appends_with_one_expected_version_one_wins,
        fifty_appends_of_any_get_versions_0_to_49,
        fifty_copies_of_one_append_are_written_once,
        a_failed_append_does_not_spoil_those_beside_it,
        an_append_is_carried_out_although_its_caller_is_gone;
    leases:
        one_owner_works_and_another_takes_over_when_its_time_is_out,
        a_stale_owner_cannot_move_the_checkpoint,
        a_lease_is_renewed_by_its_owner,
        a_clock_set_back_does_not_lock_a_subscription_for_years,
        a_checkpoint_beyond_the_log_is_refused,
        after_a_crash_events_come_again_from_the_last_checkpoint;
    subscribing:
        a_reader_from_the_start_switches_to_live_without_hole_or_double,
        a_reader_at_the_head_sees_only_what_is_later,
        a_reader_from_a_position_sees_only_what_is_beyond_it,
        the_checkpoint_of_a_reader_without_match_still_moves_on,
        an_append_wakes_at_once;
    vouchers:
        however_many_decide_at_once_each_holder_gets_one_voucher_within_the_limit,
        of_many_providers_at_once_one_redeems_and_the_others_are_told_who;
}

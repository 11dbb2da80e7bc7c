//! The contract of a platform, run on the SQLite directory, the `PostgreSQL` directory and a
//! provider's API (the reference receiver), each test on its own platform; then the contract of a
//! mail directory.

#[macro_use]
pub(crate) mod home;
mod late;
mod listing;
mod model;
mod provision;
mod rights;
mod together;
mod trouble;
mod words;

/// Requirements on every platform.
macro_rules! on_every_platform {
    ($($claims:tt)+) => {
        suite!(sqlite on File: $($claims)+);
        suite!(postgres on Postgres: $($claims)+);
        suite!(webhook on Webhook: $($claims)+);
    };
}

on_every_platform! {
    rights::what_is_set_is_what_a_mail_server_looks_up,
    rights::an_armed_right_ends_at_its_instant_and_not_before,
    rights::a_fraction_of_a_second_ends_nothing_early_and_brings_nothing_back,
    rights::an_armed_right_is_confirmed_moved_and_restored,
    rights::a_repeated_call_changes_nothing_and_says_so,
    rights::an_unknown_mailbox_fails_permanently_and_the_others_are_changed,
    rights::a_capability_of_the_engine_is_refused_by_the_platform,
    rights::large_and_sparse_sets_are_changed_completely,
    listing::pages_hold_every_mailbox_once_whoever_put_it_there,
    listing::pages_of_any_size_add_up_across_gaps,
    listing::future_ends_are_those_that_the_platform_stores,
    rights::rights_are_read_as_they_are_and_not_as_they_were_set,
    late::an_earlier_decision_is_superseded,
    late::a_decision_about_one_right_supersedes_no_other,
    late::a_decision_without_a_change_counts_too,
    late::a_late_call_is_answered_mailbox_by_mailbox,
    late::the_same_decision_made_twice_is_carried_out_once,
    together::a_cancelled_call_leaves_the_platform_consistent,
    together::concurrent_calls_add_up_without_deadlock,
    together::mailboxes_that_come_in_the_middle_of_a_phase_keep_their_rights,
    together::two_equal_concurrent_calls_change_rights_once,
    trouble::an_unreachable_platform_fails_transiently_and_is_used_again_once_back,
    model::a_platform_does_what_a_map_of_instants_would,
}

on_every_directory! {
    rights::a_refused_sender_gets_the_text_of_the_plan,
    provision::provisioning_keeps_rights_swaps_addresses_and_commits_its_checkpoint,
    provision::an_address_belongs_to_one_mailbox_ignoring_case,
    provision::of_several_rows_of_a_mailbox_the_last_one_counts,
    provision::an_erased_mailbox_keeps_a_closed_number_and_nothing_else,
    words::the_refusals_of_a_plan_are_those_of_the_mail_servers,
    words::a_password_stays_with_its_mailbox_until_it_is_removed,
}

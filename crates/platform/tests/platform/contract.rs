//! The contract of a platform, run on the SQLite directory, the `PostgreSQL` directory and a
//! provider's API (the reference receiver), each test on a platform of its own; then the contract
//! of a mail directory.

mod home;
mod late;
mod listing;
mod model;
mod provision;
mod rights;
mod together;
mod trouble;
mod words;

/// Each claim, on one kind of platform.
macro_rules! suite {
    ($name:ident on $kind:ident: $($module:ident::$claim:ident,)+) => {
        mod $name {
            $(#[tokio::test]
            async fn $claim() {
                use crate::contract::{home, $module};
                home::run(home::Kind::$kind, $module::$claim).await;
            })+
        }
    };
}

/// What every platform must do.
macro_rules! on_every_platform {
    ($($claims:tt)+) => {
        suite!(sqlite on File: $($claims)+);
        suite!(postgres on Postgres: $($claims)+);
        suite!(webhook on Webhook: $($claims)+);
    };
}

/// What a mail directory of ours must do besides.
macro_rules! on_every_directory {
    ($($claims:tt)+) => {
        suite!(sqlite_directory on File: $($claims)+);
        suite!(postgres_directory on Postgres: $($claims)+);
    };
}

on_every_platform! {
    rights::what_is_set_is_what_a_mail_server_looks_up,
    rights::an_armed_right_ends_at_its_instant_and_not_before,
    rights::a_fraction_of_a_second_ends_nothing_early_and_brings_nothing_back,
    rights::an_armed_right_is_confirmed_moved_and_given_back,
    rights::a_repeated_call_changes_nothing_and_says_so,
    rights::a_mailbox_that_is_not_there_fails_for_good_and_the_others_are_done,
    rights::a_gate_of_the_engine_is_not_for_the_platform,
    rights::sets_across_borders_and_thinly_spread_ones_are_done_to_the_last_mailbox,
    listing::pages_hold_every_mailbox_once_whoever_put_it_there,
    listing::pages_of_any_size_add_up_across_gaps,
    listing::the_ends_to_come_are_those_that_the_platform_keeps,
    rights::what_is_read_is_what_is_so_and_not_what_was_told,
    late::what_was_decided_earlier_comes_too_late,
    late::a_decision_about_one_right_keeps_no_other_out,
    late::what_was_already_so_is_decided_all_the_same,
    late::who_comes_late_is_answered_mailbox_by_mailbox,
    late::the_same_decision_made_twice_is_carried_out_once,
    together::a_call_that_is_given_up_leaves_the_platform_whole,
    together::calls_at_the_same_time_add_up_and_none_is_in_anothers_way,
    together::mailboxes_that_come_in_the_middle_of_a_phase_keep_their_rights,
    together::two_who_do_the_same_do_it_once,
    trouble::an_unreachable_platform_fails_transiently_and_is_used_again_once_back,
    model::a_platform_does_what_a_map_of_instants_would,
}

on_every_directory! {
    rights::who_may_not_send_is_told_so,
    provision::provisioning_keeps_rights_swaps_addresses_and_commits_its_checkpoint,
    provision::an_address_is_one_mailboxs_in_whatever_case,
    provision::of_several_rows_of_a_mailbox_the_last_one_counts,
    provision::who_is_erased_keeps_a_closed_number_and_nothing_else,
    words::the_words_of_a_plan_are_what_the_mail_servers_say,
    words::a_password_stays_with_its_mailbox_until_it_is_taken_away,
}

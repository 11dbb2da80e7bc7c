//! The sweep, the worker and the reconciler over a mail directory of either kind.

mod amend;
mod drift;
mod engine;
#[expect(dead_code, reason = "shared with the contract of the platform, which uses more of it")]
#[path = "../../../platform/tests/platform/contract/home.rs"]
mod home;

/// The suite, on one kind of platform.
macro_rules! suite {
    ($name:ident on $kind:ident: $($module:ident::$claim:ident,)+) => {
        mod $name {
            $(#[tokio::test]
            async fn $claim() {
                use crate::on_platform::{$module, home};
                home::run(home::Kind::$kind, $module::$claim).await;
            })+
        }
    };
}

/// Both mail directories.
macro_rules! on_every_directory {
    ($($claims:tt)+) => {
        suite!(sqlite on File: $($claims)+);
        suite!(postgres on Postgres: $($claims)+);
    };
}

on_every_directory! {
    drift::a_right_given_back_by_hand_is_found_told_and_taken_again,
    drift::a_right_taken_by_hand_is_found_and_given_back,
    drift::an_end_that_somebody_moved_is_told_anew,
    drift::what_is_only_reported_is_told_once_and_left_until_somebody_puts_it_right,
    drift::who_is_known_to_one_side_only_is_reported_and_never_touched,
    drift::what_was_found_is_repaired_after_a_crash_too,
    drift::nothing_is_drift_while_a_phase_is_carried_out,
    drift::a_comparison_comes_to_its_end_on_a_platform_that_fails,
    drift::the_comparison_in_ranges_finds_what_a_look_at_each_mailbox_finds,
    amend::a_hold_on_a_closed_mailbox_gives_back_what_it_names_until_it_is_released,
    amend::a_phase_that_is_postponed_before_it_is_armed_ends_nothing_early,
    amend::an_armed_instant_is_called_off_before_the_amendment_that_moves_it_counts,
    amend::an_amendment_waits_for_a_platform_that_is_away_and_is_dropped_at_the_date,
    amend::ends_that_were_not_called_off_at_first_are_tried_again,
    amend::an_instant_that_took_effect_though_it_was_moved_is_mended,
    amend::an_amendment_that_restores_gives_back_what_it_must,
}

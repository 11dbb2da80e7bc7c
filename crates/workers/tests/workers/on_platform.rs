//! The sweep, the worker and the reconciler over a mail directory of either kind.

#[expect(dead_code, reason = "shared with the contract of the platform, which uses more of it")]
#[path = "../../../platform/tests/platform/contract/home.rs"]
#[macro_use]
mod home;
mod amend;
mod drift;
mod engine;

on_every_directory! {
    drift::a_right_restored_by_hand_is_found_recorded_and_removed_again,
    drift::a_right_removed_by_hand_is_found_and_restored,
    drift::an_end_moved_by_hand_is_recorded_again,
    drift::drift_without_repair_is_recorded_once_and_left_open_until_settled,
    drift::mailboxes_known_to_one_side_only_are_reported_and_never_changed,
    drift::drift_found_before_a_crash_is_repaired_after_it,
    drift::work_in_flight_of_a_phase_is_not_drift,
    drift::a_comparison_completes_on_a_platform_that_fails_sometimes,
    drift::comparing_ranges_finds_what_comparing_each_mailbox_finds,
    amend::a_hold_on_a_closed_mailbox_restores_its_capabilities_until_released,
    amend::a_phase_postponed_before_arming_ends_nothing_early,
    amend::an_armed_end_is_disarmed_before_the_amendment_that_moves_it_applies,
    amend::an_amendment_waits_for_an_unavailable_platform_and_is_dropped_at_the_date,
    amend::failed_disarming_is_retried,
    amend::an_end_that_took_effect_although_it_was_moved_is_reverted,
    amend::an_amendment_restores_the_rights_that_it_allows_again,
}

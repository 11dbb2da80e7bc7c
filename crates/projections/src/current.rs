use domain::{Capabilities, Lifecycle, Mailbox, State};

/// One mailbox according to the current sets: equal to the fold of its history, without reading it.
pub fn mailbox_now(state: &State, number: u32) -> Mailbox {
    let rights = &state.rights;
    let lifecycle = if rights.withdrawn.contains(number) {
        Lifecycle::Withdrawn
    } else if rights.activated.contains(number) {
        Lifecycle::Activated
    } else if !rights.registered.contains(number) {
        Lifecycle::Unknown
    } else if rights.lapsed.contains(number) {
        Lifecycle::Lapsed
    } else {
        Lifecycle::Registered
    };
    let platform = Capabilities::OF_PLATFORM;
    let armed = platform.iter().filter_map(|capability| {
        let told = rights.armed(capability).find(|(_, set)| set.contains(number));
        told.map(|(until, _)| (capability, until))
    });
    let holds = rights.holds.iter().filter(|(_, hold)| hold.number == number);
    Mailbox {
        number,
        lifecycle,
        has: platform.iter().filter(|capability| rights.has(number, *capability)).collect(),
        armed: armed.collect(),
        holds: holds.map(|(id, hold)| (*id, hold.clone())).collect(),
    }
}

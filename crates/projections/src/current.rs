use domain::{Capabilities, Mailbox, State};

/// One mailbox according to the current sets: equal to the fold of its history, without reading it.
pub fn mailbox_now(state: &State, number: u32) -> Mailbox {
    let rights = &state.rights;
    let platform = Capabilities::OF_PLATFORM;
    let armed = platform.iter().filter_map(|capability| {
        let told = rights.armed(capability).find(|(_, set)| set.contains(number));
        told.map(|(until, _)| (capability, until))
    });
    let holds = rights.holds.iter().filter(|(_, hold)| hold.number == number);
    Mailbox {
        number,
        lifecycle: rights.lifecycle(number),
        has: platform.iter().filter(|capability| rights.has(number, *capability)).collect(),
        armed: armed.collect(),
        holds: holds.map(|(id, hold)| (*id, hold.clone())).collect(),
    }
}

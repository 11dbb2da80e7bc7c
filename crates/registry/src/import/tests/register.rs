//! A single registration is decided on as a file of one row.

use super::*;

on_both!(a_registration_is_decided_on_as_a_file_of_one_row);

/// The fields of a line of a registry file.
fn fields(line: &str) -> Row {
    let fields: Vec<String> = line.trim_end().split(',').map(str::to_owned).collect();
    let [
        registration_id,
        codice_fiscale,
        surname,
        name,
        address,
        requested_on,
        activated_on,
        last_sent_on,
        notify_email,
    ]: [String; 9] = fields.try_into().unwrap();
    Row {
        registration_id,
        codice_fiscale,
        surname,
        name,
        address,
        requested_on,
        activated_on,
        last_sent_on,
        notify_email,
    }
}

/// The outcome of a file of one row, in the terms of a single registration.
async fn imported(world: &World, line: &str) -> String {
    let path = world.write("one.csv", HEADER.to_owned() + line);
    let summary = world.import(&path).await.unwrap();
    match balance(&summary) {
        (1, 1, 0, 0, 0) => "Accepted".to_owned(),
        (1, 0, 1, 0, 0) => "Unchanged".to_owned(),
        (1, 0, 0, 1, 0) => "Changed".to_owned(),
        _ => format!("{}: {}", World::rejects(&path)[0].1, World::rejects(&path)[0].2),
    }
}

async fn registered(world: &World, line: &str) -> String {
    let by = ("operator:anna", None);
    let row = fields(line);
    let outcome = register(&*world.store, &world.registry, &row, (&world.plan, noon()), by).await;
    match outcome.unwrap() {
        Registered::Rejected(invalid) => format!("{}: {}", invalid.column, invalid.reason),
        other @ (Registered::Accepted | Registered::Unchanged | Registered::Changed) => {
            format!("{other:?}")
        }
    }
}

async fn a_registration_is_decided_on_as_a_file_of_one_row(on: On) {
    let (by_file, by_one) = (World::new(on).await, World::new(on).await);
    for world in [&by_file, &by_one] {
        world.import(&world.write("first.csv", rows(0..10))).await.unwrap();
        world.registry.erase(&[8].into()).await.unwrap();
    }
    let cases = [
        (row(20), "Accepted"),
        (row(20), "Unchanged"),
        (row(1), "Unchanged"),
        (row(1).replace("rossi1@", "rossi100@"), "Changed"),
        (row(4).replace("2011-02-03,,", "2011-02-03,2013-01-01,"), "Changed"),
        (row(3).replace("2012-04-05", ""), "activated_on: "),
        (row(8), "registration_id: its holder's personal data was erased"),
        (
            row(21).replace(code(21).as_str(), code(2).as_str()),
            "codice_fiscale: the registration R2",
        ),
        (row(22).replace("rossi22@", "rossi5@"), "address: the registration R5"),
        (row(2).replace("rossi2@", "rossi20@"), "address: the registration R20"),
        (row(23).replace("2011-02-03", "soon"), "requested_on: "),
        // Free again since another registration changed it.
        (row(24).replace("rossi24@", "rossi1@"), "Accepted"),
    ];
    for (line, expected) in cases {
        let before = by_one.log().await.len();
        let outcome = registered(&by_one, &line).await;
        assert!(outcome.starts_with(expected), "{line}: {outcome}");
        assert_eq!(outcome, imported(&by_file, &line).await, "{line}");
        let is_news = ["Accepted", "Changed"].contains(&expected);
        let events = by_one.log().await.len() - before;
        assert_eq!(events, if is_news { 2 } else { 0 }, "{line}");
        let counts = by_one.registry.counts().await.unwrap();
        assert_eq!(counts, by_file.registry.counts().await.unwrap(), "{line}");
    }
    for number in [0, 1, 4, 9, 10, 11] {
        let entry = by_one.registry.find(number).await.unwrap();
        assert_eq!(entry, by_file.registry.find(number).await.unwrap(), "{number}");
    }
}

//! Invalid rows, each with the line, the column and the reason of its rejection.

use super::*;

on_both!(
    every_bad_row_is_refused_with_line_column_and_reason_and_the_good_ones_go_in,
    invalid_utf_8_rejects_its_row_and_names_its_column,
    a_rejected_row_is_stored_unchanged,
    an_address_released_in_a_file_is_free_for_the_next_one,
    a_registration_rejected_as_a_duplicate_can_be_imported_later,
);

async fn every_bad_row_is_refused_with_line_column_and_reason_and_the_good_ones_go_in(on: On) {
    let world = World::new(on).await;
    let long =
        format!("R20,{},{},Mario,a@posta.example,2011-02-03,,,\n", code(20), "x".repeat(70_000));
    let cases: Vec<(String, &str, &str)> = vec![
        (
            row(20).replace(code(20).as_str(), "RSSMRA85T10A562X"),
            "codice_fiscale",
            "check character",
        ),
        (row(20).replace("@posta", "posta"), "address", "has no @"),
        (
            row(20).replace("2011-02-03", "2011-02-31"),
            "requested_on",
            "does not exist in the calendar",
        ),
        (row(20).replace("2011-02-03", "2031-02-03"), "requested_on", "in the future"),
        (
            row(20).replace(",2011-02-03,,", ",2011-02-03,2011-02-02,"),
            "activated_on",
            "before it was requested",
        ),
        (row(20).replace("R20,", "R0,"), "registration_id", "earlier line of this file"),
        (
            row(20).replace(code(20).as_str(), code(1).as_str()),
            "codice_fiscale",
            "R1 has the same holder",
        ),
        (row(20).replace("rossi20@", "rossi1@"), "address", "R1 has the same address"),
        ("R20,only,three\n".into(), "-", "3 fields where the header names 9"),
        (row(20).replace(",,\n", ",,,\n"), "-", "10 fields where the header names 9"),
        (long, "-", "longer than 65536 bytes"),
        (row(20).replace("Rossi", "\"Rossi"), "-", "a quote is opened and not closed"),
        (row(20).replace("Rossi", "\"Ros\nsi\""), "surname", "control character"),
    ];
    for (index, (bad, column, reason)) in cases.into_iter().enumerate() {
        let file = rows(0..3) + &bad + &row(5) + &row(6);
        let path = world.write(&format!("{index}.csv"), file);
        // Each in a separate registry.
        let world = World::new(on).await;
        let summary = world.import(&path).await.unwrap();
        let rejected = World::rejects(&path);
        assert_eq!(rejected.len(), 1, "{bad:.80}: {rejected:?}");
        assert_eq!((rejected[0].0, rejected[0].1.as_str()), (5, column), "{bad:.80}: {rejected:?}");
        assert!(rejected[0].2.contains(reason), "{bad:.80}: {rejected:?}");
        assert_eq!(balance(&summary), (6, 5, 0, 0, 1), "{bad:.80}");
        assert_eq!(summary.rejects, Some(rejects_of(&path)));
        assert_eq!(world.rows().await.len(), 5, "{bad:.80}");
    }
}

async fn invalid_utf_8_rejects_its_row_and_names_its_column(on: On) {
    let world = World::new(on).await;
    let mut file = rows(0..2).into_bytes();
    file.extend(row(2).replace("Rossi", "Ni*o").bytes().map(|b| if b == b'*' { 0xe8 } else { b }));
    file.extend(row(3).bytes());
    let path = world.write("cec.csv", &file);
    assert_eq!(balance(&world.import(&path).await.unwrap()), (4, 3, 0, 0, 1));
    let rejected = World::rejects(&path);
    assert_eq!((rejected[0].0, rejected[0].1.as_str()), (4, "surname"));
    assert!(rejected[0].2.contains("not UTF-8"), "{rejected:?}");
    let again = world.import_with(&path, |request| request.encoding = Encoding::Windows1252).await;
    assert_eq!(balance(&again.unwrap()), (4, 1, 3, 0, 0));
    let found = world.registry.find_registration("R2").await.unwrap().unwrap();
    assert_eq!(found.registration.surname, "Nièo");
    assert!(!rejects_of(&path).exists(), "the rejects of an earlier import are of no use any more");
}

async fn a_rejected_row_is_stored_unchanged(on: On) {
    let world = World::new(on).await;
    let bad = row(1).replace("2011-02-03", "soon").replace("Rossi", "\"De, Rossi\"");
    let path = world.write("cec.csv", rows(0..1) + &bad);
    world.import(&path).await.unwrap();
    let mut reader = csv::Reader::from_path(rejects_of(&path)).unwrap();
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.iter().collect::<Vec<_>>(), ["line", "column", "reason", "row"]);
    let rejected = reader.records().next().unwrap().unwrap();
    assert_eq!(&rejected[3], bad.trim_end());
}

async fn an_address_released_in_a_file_is_free_for_the_next_one(on: On) {
    let world = World::new(on).await;
    world.import(&world.write("first.csv", rows(0..4))).await.unwrap();
    let moved = rows(0..4).replace("rossi1@", "rossi100@") + &row(9).replace("rossi9@", "rossi1@");
    let path = world.write("moved.csv", moved);
    assert_eq!(balance(&world.import(&path).await.unwrap()), (5, 0, 3, 1, 1));
    assert!(World::rejects(&path)[0].2.contains("of this file releases it"));
    assert_eq!(
        balance(&world.import(&path).await.unwrap()),
        (5, 0, 4, 0, 1),
        "decided on as before"
    );
    let later = world.write("later.csv", rows(0..0) + &row(9).replace("rossi9@", "rossi1@"));
    assert_eq!(balance(&world.import(&later).await.unwrap()), (1, 1, 0, 0, 0));
}

async fn a_registration_rejected_as_a_duplicate_can_be_imported_later(on: On) {
    let world = World::new(on).await;
    let twice = rows(0..2) + &row(0);
    let path = world.write("cec.csv", twice);
    assert_eq!(balance(&world.import(&path).await.unwrap()), (3, 2, 0, 0, 1));
    assert_eq!(balance(&world.import(&path).await.unwrap()), (3, 0, 2, 0, 1));
}

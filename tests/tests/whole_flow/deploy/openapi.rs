//! The API that a provider implements, validated by the schema of OpenAPI 3.1.

use serde_json::{Value, json};

use crate::deploy::files::{python, read};

fn problems(document: &Value) -> Vec<String> {
    let told = python("check_openapi.py", &[], &document.to_string());
    told.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_document_for_providers_is_one_of_openapi() {
    let mut document: Value = serde_json::from_str(&read("deploy/webhook/openapi.json")).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(problems(&document), Vec::<String>::new());
    document["info"]["version"] = json!(1);
    assert!(!problems(&document).is_empty(), "a version is a text");
}

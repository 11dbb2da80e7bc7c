//! A whole run on a full or read-only file system: one clear error, and nothing is lost.
//!
//! The file systems are real ones, mounted in a mount namespace that ends with the test: as root,
//! or with user namespaces.

use std::path::Path;
use std::process::{Command, Stdio};

use engine::Home;
use rehearsal::prove;

use crate::scene::{Ran, Scene};

/// Runs a shell script that may mount file systems; `$T` is the binary, `$D` an empty folder.
fn in_a_namespace(scene: &Scene, script: &str) -> Ran {
    let folder = scene.path("mounted");
    std::fs::create_dir_all(&folder).expect("a folder");
    let attempt = |options: &[&str], script: &str| {
        Command::new("unshare")
            .args(options)
            .args(["sh", "-euc", script])
            .env("T", env!("CARGO_BIN_EXE_tramonto"))
            .env("D", &folder)
            .env("USER", "tester")
            .current_dir(scene.path(""))
            .stdin(Stdio::null())
            .output()
            .expect("unshare (Debian: util-linux)")
    };
    let as_root: &[&str] = &["--mount"];
    let as_user: &[&str] = &["--user", "--map-root-user", "--mount"];
    let allowed = |options: &&&[&str]| attempt(options, "mount -t tmpfs none $D").status.success();
    let options = [as_root, as_user].into_iter().find(|options| allowed(&options));
    let options = options.expect("a name space to mount in: run as root, or allow them to users");
    Ran::of(&attempt(options, script))
}

fn is_proved(store: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let proof = runtime.block_on(prove(&Home::new(store))).expect("a proof");
    assert_eq!(proof.problems, [""; 0]);
    assert!(proof.effects > 0);
}

fn is_one_sentence(told: &str) {
    assert!(told.starts_with("tramonto: "), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn a_full_disk_stops_the_run_with_advice_and_a_later_run_completes() {
    let scene = Scene::of_500();
    let ran = in_a_namespace(
        &scene,
        "mount -t tmpfs -o size=16m none $D
         cp -r tramonto-store $D/store
         dd if=/dev/zero of=$D/filler bs=4096 2>/dev/null || true
         for number in 1 2 3 4 5 6 7 8 9 10; do
             if $T --store $D/store phase pause --reason full 2>>errors; then
                 $T --store $D/store resume --reason full 2>>errors || true
             fi
         done
         if $T --store $D/store --log off run --until-idle --batch 20 2>>errors; then exit 9; fi
         tail -n 1 errors >told
         rm $D/filler
         $T --store $D/store resume --reason room 2>/dev/null || true
         $T --store $D/store --log off run --until-idle --batch 20
         cp -r $D/store after",
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let told = scene.read("told");
    is_one_sentence(&told);
    assert!(told.contains("free some space"), "{told}");
    is_proved(&scene.path("after"));
}

#[test]
fn a_read_only_disk_is_reported_and_not_changed() {
    let scene = Scene::of_500();
    let ran = in_a_namespace(
        &scene,
        "mount --bind tramonto-store $D
         mount -o remount,bind,ro $D
         for command in 'phase pause --reason x' 'run --until-idle' 'registry import registry.csv' \
         'status'; do
             if $T --store $D $command 2>>told; then echo $command; fi
         done",
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let told = scene.read("told");
    for sentence in told.lines() {
        is_one_sentence(sentence);
    }
    assert_eq!(told.lines().count(), 4, "{told}");
    // The same store on a writable mount is unchanged.
    scene.ok(&["run", "--until-idle"]);
    is_proved(&scene.path("tramonto-store"));
}

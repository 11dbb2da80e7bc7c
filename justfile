# List the recipes.
default:
    @just --list

# Formatting, lints and every test: what a change must pass.
check:
    .ci/run

# Every test; installs what is missing. With arguments, e.g. `just test -p domain`, only those.
test *ARGS:
    tests/run {{ARGS}}

# Look for bytes that break a parser, e.g. `just fuzz 300 lmtp`; 20 seconds for each target without arguments.
fuzz *ARGS:
    tests/fuzz/run {{ARGS}}

# Every night: ten minutes of fuzzing for each target, and the advisories on our dependencies.
nightly: deny
    tests/fuzz/run 600

# The whole programme in virtual time over a generated population.
rehearse *ARGS:
    cargo run --release -- rehearse {{ARGS}}

# Time a phase beside the bare script, embedded and as services, and the rest; `just bench services` only those, `just bench logs --lines 100000000` only an index of that size.
bench *ARGS:
    cargo build --release -p tramonto --bins --example bench
    cargo run --release -p tramonto --example bench -- {{ARGS}}

# Regenerate docs/reference from the code.
reference:
    UPDATE=1 cargo test -q -p tramonto --test cli reference

# A tarball and a Debian package of the `dist` profile, in `dist`.
dist *ARGS:
    deploy/package/build {{ARGS}}

# Format everything.
fmt:
    cargo fmt --all

# Advisories, licences, banned and duplicate crates, unused dependencies.
deny:
    PATH="$(tests/tools)/bin:$PATH" cargo deny check
    PATH="$(tests/tools)/bin:$PATH" cargo shear

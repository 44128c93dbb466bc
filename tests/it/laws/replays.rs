//! Replaying any event any number of times settles to the same target as one clean run, and the judge agrees with it.

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, TestRng, TestRunner};

use super::history::{History, Told};

/// Runs a law over a few random histories; the same ones each time. What failed is kept beside this file and tried first.
pub fn for_histories(cases: u32, law: impl AsyncFn(History)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let persistence = FileFailurePersistence::WithSource("regressions");
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 8,
        failure_persistence: Some(Box::new(persistence)),
        source_file: Some(file!()),
        ..ProptestConfig::default()
    };
    let histories = (any::<u64>(), 6..24usize);
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&histories, |(seed, steps)| {
        runtime.block_on(law(History { seed, steps }));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn the_judge_agrees_with_what_settled() {
    for_histories(8, async |history| {
        let mut told = Told::begin(history).await;
        told.work(history.steps / 2);
        told.world.copy().await;
        told.work(history.steps - history.steps / 2);
        told.world.settle().await;
        told.agrees().await;
    });
}

#[test]
fn telling_everything_again_changes_nothing() {
    for_histories(8, async |history| {
        let mut told = Told::begin(history).await;
        let began = told.world.clock.now();
        told.work(history.steps / 2);
        told.world.settle().await;
        told.work(history.steps - history.steps / 2);
        told.world.settle().await;
        told.agrees().await;
        let (before, calls) = (told.world.target.tickets(), told.world.figure("writes").await);
        told.world.raise_everything().await;
        told.world.settle().await;
        assert_eq!(told.world.target.tickets(), before, "hints were raised again");
        told.world.rewind(began).await;
        told.world.copy().await;
        assert_eq!(told.world.target.tickets(), before, "everything was told again");
        assert_eq!(told.world.figure("writes").await, calls);
    });
}

//! Which findings hold the copy back.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::mirror::MirrorConfig;
use crate::ledger::finding::Acceptance;

use super::finding::{Finding, Report, Severity};

/// What a finding was when somebody accepted it; kept with the acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub severity: Severity,
    pub count: u64,
    pub values: Vec<String>,
}

impl Accepted {
    /// Of a finding as it is now.
    pub fn of(finding: &Finding) -> Self {
        Self { severity: finding.severity, count: finding.count, values: finding.values.clone() }
    }

    /// Whether the acceptance still speaks of what is found now: no word that was not there, and at most twice as many tickets.
    fn covers(&self, finding: &Finding) -> bool {
        let known = finding.values.iter().all(|value| self.values.contains(value));
        finding.severity >= self.severity && known && finding.count <= self.count.saturating_mul(2)
    }
}

/// Names the file's content as it was checked: a digest of the resolved mirror.
pub fn digest(config: &MirrorConfig) -> String {
    let json = serde_json::to_vec(config).expect("a mirror file is plain data");
    hex::encode(&Sha256::digest(&json)[..8])
}

/// Names of findings that somebody accepted as they are now.
pub fn accepted(report: &Report, acceptances: &[Acceptance]) -> Vec<String> {
    let holds = |finding: &&Finding| {
        let of = acceptances.iter().filter(|one| one.finding == finding.name);
        finding.severity != Severity::Stop
            && of.filter_map(|one| serde_json::from_value::<Accepted>(one.detail.clone()).ok()).any(|one| one.covers(finding))
    };
    report.findings.iter().filter(holds).map(|finding| finding.name.clone()).collect()
}

/// Findings that have to be mended or accepted before the copy.
pub fn open<'a>(report: &'a Report, acceptances: &[Acceptance]) -> Vec<&'a Finding> {
    let accepted = accepted(report, acceptances);
    report.findings.iter().filter(|finding| finding.severity.holds() && !accepted.contains(&finding.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acceptance_speaks_of_what_it_saw() {
        let found = |severity, count, values: &[&str]| Finding {
            name: "unmapped-status".to_string(),
            severity,
            what: String::new(),
            cure: String::new(),
            count,
            values: values.iter().map(|value| value.to_string()).collect(),
            tickets: Vec::new(),
        };
        let accepted = Accepted::of(&found(Severity::Risk, 10, &["hold"]));
        assert!(accepted.covers(&found(Severity::Risk, 20, &["hold"])) && accepted.covers(&found(Severity::Note, 3, &[])));
        assert!(!accepted.covers(&found(Severity::Risk, 21, &["hold"])), "more than twice as many");
        assert!(!accepted.covers(&found(Severity::Risk, 10, &["hold", "spam"])), "another word");
        assert!(!accepted.covers(&found(Severity::Stop, 10, &["hold"])), "worse");
    }
}

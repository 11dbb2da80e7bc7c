//! Notices to holders: what was sent, and what failed.

use domain::{NoticeRule, PhaseId, State};
use serde::Serialize;
use views::NoticeProgress;

use crate::Error;
use crate::store::Store;

/// One notice with its text.
#[derive(Debug, Serialize)]
pub struct NoticeDetails {
    /// Which.
    pub notice: PhaseId,
    /// The plan's rule.
    pub rule: NoticeRule,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// How far it is; `None` where the plan in force no longer has it.
    pub progress: Option<NoticeProgress>,
}

impl Store {
    /// Every notice of the plan and how far it is.
    pub async fn notices(&self) -> Result<Vec<NoticeProgress>, Error> {
        let now = self.now().await?;
        Ok(views::notice_progress(&*self.journal().state().await?, now))
    }

    /// One notice with its text.
    pub async fn notice(&self, notice: &PhaseId) -> Result<NoticeDetails, Error> {
        let now = self.now().await?;
        let snapshot = self.journal().state().await?;
        let state = &*snapshot;
        let found = state.plan().and_then(|plan| {
            let rule = plan.notice(notice)?;
            Some((rule.wording(plan)?, rule))
        });
        let (wording, rule) = found.ok_or_else(|| unknown(state, notice))?;
        let progress = views::notice_progress(state, now);
        Ok(NoticeDetails {
            notice: notice.clone(),
            rule: rule.clone(),
            subject: wording.subject,
            text: wording.text,
            progress: progress.into_iter().find(|one| one.notice == *notice),
        })
    }
}

fn unknown(state: &State, notice: &PhaseId) -> Error {
    let rules = state.plan().map(|plan| plan.notices.as_slice()).unwrap_or_default();
    let names: Vec<_> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let known = match names.as_slice() {
        [] => "it has none".to_owned(),
        names => format!("its notices: {}", names.join(", ")),
    };
    Error::NotFound(format!("the plan has no notice {notice}; {known}"))
}

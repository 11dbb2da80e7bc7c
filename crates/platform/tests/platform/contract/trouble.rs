//! A platform that is unreachable for a while.

use std::sync::Arc;

use domain::Capability;

use crate::contract::home::{Home, call, past, set};

pub(crate) async fn an_unreachable_platform_fails_transiently_and_is_used_again_once_back(
    home: Arc<Home>,
) {
    home.with(0..100).await;
    let close = |numbers| call(numbers, [Capability::Send], past());
    assert_eq!(home.platform().set(&close(0..40)).await.unwrap().applied, set(0..40));
    home.leave().await;
    let error = home.platform().set(&close(0..100)).await.unwrap_err();
    assert!(error.may_retry(), "{error}");
    let error = home.platform().read(&set(0..100), Capability::Send.into()).await.unwrap_err();
    assert!(error.may_retry(), "{error}");
    home.come_back().await;
    let answer = home.platform().set(&close(0..100)).await.unwrap();
    assert_eq!((answer.applied, answer.already_so), (set(40..100), set(0..40)));
    assert_eq!(home.may(Capability::Send, 0..100).await, set([]));
}

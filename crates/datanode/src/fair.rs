//! Fairness between the connections of one worker.

/// Ends a connection's turn when it has had more than its share: a socket that is never empty would otherwise keep its
/// worker for itself, since waiting for readiness that is there costs nothing of tokio's budget.
pub(crate) async fn turn() {
    tokio::task::coop::consume_budget().await;
}

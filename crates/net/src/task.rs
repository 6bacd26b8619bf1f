//! Work that takes its thread for itself. In the simulation there is one thread, and such work is a task of its host.

use std::future::Future;
use std::io;

use tokio::task::JoinHandle;

/// Runs what `work` makes on a thread of its own, with a runtime for it and for the tasks that it spawns locally.
///
/// # Errors
/// When the operating system gives no thread.
#[cfg(not(annulet_sim))]
pub fn thread<W, F>(name: &str, work: W) -> io::Result<()>
where
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || tokio::task::LocalSet::new().block_on(&runtime, work()))?;
    Ok(())
}

/// Runs what `work` makes as a local task of the simulated host.
///
/// # Errors
/// None.
#[cfg(annulet_sim)]
pub fn thread<W, F>(_name: &str, work: W) -> io::Result<()>
where
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    tokio::task::spawn_local(work());
    Ok(())
}

/// Does what may take long on a thread that serves nobody. Must be called inside a tokio runtime.
#[cfg(not(annulet_sim))]
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

/// Does it in a task of the simulated host.
#[cfg(annulet_sim)]
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(async move { work() })
}

/// Does `work` on a thread that begins and ends with it, and waits for that; `None` when there is no thread to be had.
#[cfg(not(annulet_sim))]
pub fn on_new_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work).ok()?;
    thread.join().ok()
}

/// Does `work` at once.
#[cfg(annulet_sim)]
pub fn on_new_thread<T: Send + 'static>(
    _name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    Some(work())
}

/// Does what waits for the disk, on this thread.
#[cfg(not(annulet_sim))]
pub async fn on_disk<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Does `work` at one moment of the virtual time that a disk takes: a host may crash before it is durable, and after
/// that but before anybody hears of it.
#[cfg(annulet_sim)]
pub async fn on_disk<T>(work: impl FnOnce() -> T) -> T {
    tokio::time::sleep(crate::sim::disk_latency()).await;
    let done = work();
    tokio::time::sleep(crate::sim::disk_latency()).await;
    done
}

//! Work that takes its thread for itself. In the simulation there is one thread, and such work is a task of its host.

use std::future::Future;
use std::io;

use tokio::task::JoinHandle;

/// Added to the niceness of threads in the background: a third of the weight of another thread, so that they wait for those
/// that have little to do, and do not starve beside those that never rest. See nice(2).
#[cfg(all(target_os = "linux", not(annulet_sim)))]
const BACKGROUND_NICE: i32 = 5;

/// Lets other threads go before this one from now on.
#[cfg(not(annulet_sim))]
fn stand_back() {
    // Elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    {
        thread_local! { static STANDS_BACK: std::cell::Cell<bool> = const { std::cell::Cell::new(false) }; }
        if !STANDS_BACK.replace(true) {
            // Without it everything works, only less smoothly.
            let _ = rustix::process::nice(BACKGROUND_NICE);
        }
    }
}

/// Lets a thread go first that is more important, between two parts of a longer work.
///
/// Linux may be set to take a processor only from a thread that enters the kernel or meets the timer, which comes every
/// 1 to 10 ms (`PREEMPT_LAZY`): this is the shortest system call there is. A `sched_yield` would also go behind those
/// that are no more important.
pub fn give_way() {
    #[cfg(all(target_os = "linux", not(annulet_sim)))]
    let _ = rustix::process::getpid();
}

/// As [`thread`], on one that stands back behind those that serve.
///
/// # Errors
/// When the operating system gives no thread.
pub fn background_thread<W, F>(name: &str, work: W) -> io::Result<()>
where
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    thread(name, move || {
        #[cfg(not(annulet_sim))]
        stand_back();
        work()
    })
}

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

/// Does what may take long on a thread in the background. Must be called inside a tokio runtime.
#[cfg(not(annulet_sim))]
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(move || {
        stand_back();
        work()
    })
}

/// Does it in a task of the simulated host.
#[cfg(annulet_sim)]
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(async move { work() })
}

/// Does `work` on a thread in the background that begins and ends with it, and waits for that; `None` when there is no thread to be had.
#[cfg(not(annulet_sim))]
pub fn on_new_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.spawn(move || {
        stand_back();
        work()
    });
    let thread = thread.ok()?;
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

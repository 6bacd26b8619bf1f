//! `annulet-sim`: seeds of the simulator; see `scripts/sim`.

#[cfg(not(annulet_sim))]
fn main() {
    eprintln!("this build has no simulated network; use scripts/sim");
    std::process::exit(2);
}

#[cfg(annulet_sim)]
mod command;
#[cfg(annulet_sim)]
mod seeds;

#[cfg(annulet_sim)]
fn main() -> std::process::ExitCode {
    command::main()
}

//! `annulet completions SHELL`: a script that completes verbs and flags, made from the definition of the command line.

use clap::CommandFactory;
use clap_complete::{Shell as Generator, generate};

use crate::args::{Cli, CompletionsArgs, Shell};
use crate::failure::Outcome;
use crate::output::print;

pub(crate) fn run(args: &CompletionsArgs) -> Outcome {
    print(&script(args.shell))
}

fn script(shell: Shell) -> String {
    let generator = match shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    let mut script = Vec::new();
    generate(generator, &mut Cli::command(), "annulet", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_told_every_verb() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for verb in Cli::command().get_subcommands() {
                assert!(script.contains(verb.get_name()), "{shell:?}: {}", verb.get_name());
            }
            assert!(script.contains("--dry-run") || script.contains("-l dry-run"), "{shell:?}");
        }
    }
}

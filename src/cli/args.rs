//! All commands and options, with their help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// The end of `--help`; a test holds it against [`super::exit_codes`].
pub const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    an audit found something that is missing or twice
  2    the command line or the dataflow file is wrong
  3    the configuration is wrong
  4    a dependency (broker, registry, database file) cannot be reached or does not fit
  5    the state on disk cannot be used
  6    a broken invariant; please report it
  130  stopped by an interrupt before the work was done
  143  ended by a second SIGTERM";

/// Domain names in, one joined record per name out: zone, DNS, TLS and page, RDAP/WHOIS; for every address
/// geolocation, AS, reputation, RDAP, round-trip time.
#[derive(Debug, Parser)]
#[command(name = "domainflow", version, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where the configuration comes from.
    #[command(flatten)]
    pub layers: Layers,
}

/// The layers of the configuration.
#[derive(Clone, Debug, Default, Args)]
pub struct Layers {
    /// Read settings from a TOML file; may be given several times, the later wins
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Vec<PathBuf>,
    /// Set one key of the configuration; may be given several times
    #[arg(long, value_name = "SECTION.KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a dataflow: as a long-lived job, or with --input on a list of names
    Run(Run),
    /// Run everything on the names of the lab, a miniature internet in process
    Demo(Demo),
    /// Run the lab alone, to be asked with dig, curl and openssl
    Lab(Lab),
    /// Collect names at once: all stages, or one collector
    ///
    /// `domainflow collect example.com` runs all stages and prints the joined record. `domainflow collect dns
    /// example.com` asks one collector. Names may come from a file or from standard input (`-`). On a terminal a
    /// readable view is printed, elsewhere one JSON record a line.
    Collect(Collect),
    /// Check a dataflow file and the configuration
    Validate(Validate),
    /// Draw a dataflow
    Graph(Graph),
    /// List collectors, statuses, or the topics of a dataflow
    List(List),
    /// List, check or register the schemas of the records
    #[command(subcommand)]
    Schema(Schema),
    /// Create the topics of a dataflow on Kafka
    #[command(subcommand)]
    Topics(Topics),
    /// Prove from the topics that every request has its outcome and every name its joined record, once
    ///
    /// Ends with 1 if something is missing or twice, and names it. What the job is not done with is named as open.
    Audit(Audit),
    /// List, show or write again what could not be read
    ///
    /// A record that cannot be read goes to the topic of dead letters with its bytes as they came. Once the reason is
    /// gone, `replay` writes it again where it came from; the letter stays.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Show what a job holds, as it was last written to its state; the job may run
    #[command(subcommand)]
    State(StateCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Dataflow file, or the name of a shipped one: domainradar, collectors, join
    pub spec: String,
    /// Names to process, one a line (`-`: standard input); uses topics inside the process and ends with the list
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Where the joined records go, one JSON record a line [default: standard output]
    #[arg(long, value_name = "FILE", requires = "input")]
    pub output: Option<PathBuf>,
    /// Ask the lab instead of the internet
    #[arg(long)]
    pub lab: bool,
    /// Have the lab make this many names more
    #[arg(long, value_name = "N", default_value_t = 0, requires = "lab")]
    pub lab_scale: usize,
    /// Have the lab answer for a name only after a time, such as example.cz=60s
    #[arg(long, value_name = "NAME=TIME", requires = "lab")]
    pub lab_slow: Vec<String>,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where the joined records go
    #[arg(long, value_name = "FILE", default_value = "out/joined.jsonl")]
    pub output: PathBuf,
    /// How the summary is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `lab`.
#[derive(Debug, Args)]
pub struct Lab {
    /// Print the names that have a zone, and end
    #[arg(long)]
    pub names: bool,
    /// Make this many names more
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub scale: usize,
    /// Answer for a name only after a time, such as example.cz=60s
    #[arg(long, value_name = "NAME=TIME")]
    pub slow: Vec<String>,
    /// First of five ports to listen on; 0 takes free ones
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Print the settings that lead collectors to the lab, as --set options for another process
    #[arg(long)]
    pub settings: bool,
}

/// `collect`.
#[derive(Debug, Args)]
pub struct Collect {
    /// Names, files of names, or `-`; before them the name of a collector to ask only that
    #[arg(required = true, value_name = "[COLLECTOR] NAME")]
    pub what: Vec<String>,
    /// Ask the lab instead of the internet
    #[arg(long)]
    pub lab: bool,
    /// How records are printed [default: text on a terminal, json elsewhere]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// Dataflow file, or the name of a shipped one
    pub spec: String,
    /// Also reach for what the flow needs: databases, broker and topics, schema registry
    #[arg(long)]
    pub probe: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `graph`.
#[derive(Debug, Args)]
pub struct Graph {
    /// Dataflow file, or the name of a shipped one
    pub spec: String,
    /// Language of the drawing
    #[arg(long, value_enum, default_value_t)]
    pub format: GraphFormat,
}

/// `list`.
#[derive(Debug, Args)]
pub struct List {
    /// What to list
    #[arg(value_enum)]
    pub what: Listed,
    /// For topics: dataflow file, or the name of a shipped one
    #[arg(default_value = "domainradar")]
    pub spec: String,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `schema`.
#[derive(Debug, Subcommand)]
pub enum Schema {
    /// List the schemas of the records
    List {
        /// How the list is printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Compare the schemas of a dataflow with those in the registry
    Check(FlowSpec),
    /// Register the schemas of a dataflow
    Register(FlowSpec),
}

/// A dataflow that is meant.
#[derive(Debug, Args)]
pub struct FlowSpec {
    /// Dataflow file, or the name of a shipped one
    #[arg(default_value = "domainradar")]
    pub spec: String,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// What is audited
    #[command(flatten)]
    pub flow: FlowSpec,
    /// Only requests of this time or later: 2026-11-26T12:00:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only requests before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only requests at these offsets of a partition, the last one left out; may be given more than once
    #[arg(long, value_name = "PARTITION:FROM..TO")]
    pub offsets: Vec<String>,
}

/// `state`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Show an open name: its parts, what is awaited, and until when
    ///
    /// Rows are written every state.flush_interval. The running job tells it as of now: GET /domains/NAME on its admin port.
    Get {
        /// The name, as it was asked for
        name: String,
        /// The dataflow of the job
        #[command(flatten)]
        flow: FlowSpec,
    },
}

/// `topics`.
#[derive(Debug, Subcommand)]
pub enum Topics {
    /// Create the topics that do not exist yet
    Create(FlowSpec),
}

/// `dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// List the letters, oldest first in each partition, and count them by their code
    List {
        /// Which letters
        #[command(flatten)]
        which: Which,
        /// List at most so many; all are counted
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// How the list is printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Show one letter with its bytes
    Show {
        /// Its place, as the list names it
        #[arg(value_name = "PARTITION:OFFSET")]
        place: LetterPlace,
        /// Dataflow file, or the name of a shipped one
        #[arg(default_value = "domainradar")]
        spec: String,
        /// How the letter is printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write records again where they came from
    Replay {
        /// Which letters
        #[command(flatten)]
        which: Which,
        /// All letters, if nothing else picks some
        #[arg(long)]
        all: bool,
        /// How the result is printed
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Which dead letters are meant: those that fit everything that is given.
#[derive(Debug, Args)]
pub struct Which {
    /// Dataflow file, or the name of a shipped one
    #[arg(default_value = "domainradar")]
    pub spec: String,
    /// Letters with this code, such as schema-unknown
    #[arg(long)]
    pub code: Option<String>,
    /// Letters about records of this topic
    #[arg(long)]
    pub topic: Option<String>,
    /// The letter at this place; may be given several times
    #[arg(long = "letter", value_name = "PARTITION:OFFSET")]
    pub places: Vec<LetterPlace>,
}

/// The place of a letter in the topic of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterPlace {
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: i64,
}

impl std::str::FromStr for LetterPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once(':').and_then(|(partition, offset)| {
            Some(Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
        });
        parsed.ok_or("a place is PARTITION:OFFSET, as `dead-letters list` prints it")
    }
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// The language of a drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Mermaid, which Markdown viewers draw
    #[default]
    Mermaid,
    /// Graphviz
    Dot,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// The collectors
    Collectors,
    /// The status codes
    Statuses,
    /// The topics of a dataflow
    Topics,
}

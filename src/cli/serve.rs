//! `heartline serve`: the server in the foreground.

use std::{net::TcpListener, path::PathBuf, pin::pin, time::Duration};

use heartline_config::{Config, Loaded, LogFormat};
use tracing_subscriber::EnvFilter;

use super::{
    client::{Client, DEFAULT_SERVER},
    error::Error,
    exit::Exit,
    output::{self, Tone, paint},
    signals::Interrupts,
};

/// Between two looks whether the server is ready to be announced.
const LOOK: Duration = Duration::from_millis(20);

/// Start a server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Print the settings and where each comes from, and do nothing else.
    #[arg(long)]
    print_config: bool,
}

/// The settings that have a flag.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Settings {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Folder of the log.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// File with settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Settings {
    /// Flags over variables over the file over defaults.
    pub(crate) fn load(&self) -> Result<Loaded, Error> {
        let mut flags = Vec::new();
        if let Some(listen) = &self.listen {
            flags.push(("server.listen", listen.clone()));
        }
        if let Some(data) = &self.data {
            let data = data.to_str().ok_or_else(|| {
                Error::Usage(format!("the name of the data folder {} is not UTF-8", data.display()))
            })?;
            flags.push(("server.data", data.to_owned()));
        }
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Loaded::load(self.config.as_deref(), variables, &flags)?)
    }
}

pub(crate) fn serve(args: Args) -> Result<Exit, Error> {
    let loaded = args.settings.load()?;
    if args.print_config {
        output::line(loaded.print().trim_end())?;
        return Ok(Exit::OK);
    }
    let config = loaded.config;
    log(&config, &config.log.filter)?;
    let listener = bind(&config)?;
    let server = address(&listener)?;
    let data = std::path::absolute(&config.server.data).unwrap_or(config.server.data.clone());
    actix_web::rt::System::new().block_on(async {
        let mut interrupts = Interrupts::catch()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let mut serving = pin!(heartline::run(config, listener, async {
            // A sender that is gone is a reason to stop as well.
            let _either_way = stopped.await;
        }));
        let mut announcing = pin!(async {
            ready(&server).await?;
            announce(&server, &data.display().to_string())
        });
        let mut announced = false;
        loop {
            tokio::select! {
                ended = &mut serving => {
                    ended?;
                    return Ok(Exit::OK);
                }
                told = &mut announcing, if !announced => {
                    // Serving does not depend on anybody reading this.
                    let _unread = told;
                    announced = true;
                }
                signal = interrupts.next() => {
                    tracing::info!("{signal}: stopping");
                    break;
                }
            }
        }
        drop(stop);
        tokio::select! {
            ended = serving => ended?,
            signal = interrupts.next() => {
                return Err(Error::Other(format!("{signal} again: stopped without finishing")));
            }
        }
        Ok(Exit::OK)
    })
}

/// Said by others and of no use here: a client's malformed request is no error of the server, and
/// what the listener does is told by the first lines. A directive in `log.filter` wins.
const QUIET: &str = "actix_http=off,actix_server=warn";

/// Starts the log, on standard error.
pub(crate) fn log(config: &Config, filter: &str) -> Result<(), Error> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|e| Error::Usage(format!("log.filter = {filter:?} is not a filter: {e}")))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Text => {
            log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init()
        }
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Takes the address.
pub(crate) fn bind(config: &Config) -> Result<TcpListener, Error> {
    let listen = config.server.listen;
    TcpListener::bind(listen).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::Other(format!(
            "{listen} is taken by another process\n  \
             a server that runs already?  heartline doctor --server http://{listen}\n  \
             another address:             --listen 127.0.0.1:0, or HEARTLINE_LISTEN"
        )),
        _ => Error::io(format!("cannot listen on {listen}"), source),
    })
}

/// The URL of a server that listens there.
pub(crate) fn address(listener: &TcpListener) -> Result<String, Error> {
    let address = listener.local_addr().map_err(|e| Error::io("cannot read the address", e))?;
    Ok(format!("http://{address}"))
}

/// Waits until the server takes work.
pub(crate) async fn ready(server: &str) -> Result<(), Error> {
    let client = Client::new(server)?;
    while client.get("/readyz").send().await.is_err() {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn announce(server: &str, data: &str) -> Result<(), Error> {
    let option =
        if server == DEFAULT_SERVER { String::new() } else { format!(" --server {server}") };
    output::line(&paint(concat!("Heartline ", env!("CARGO_PKG_VERSION")), Tone::Strong))?;
    output::line(&format!("  address  {server}"))?;
    output::line(&format!("  page     {server}/"))?;
    output::line(&format!("  data     {data}"))?;
    output::line("Run something under its eyes, in another terminal:")?;
    output::line(&format!(
        "  heartline run{option} -- sh -c 'for i in 1 2 3; do echo step $i; sleep 1; done'"
    ))
}

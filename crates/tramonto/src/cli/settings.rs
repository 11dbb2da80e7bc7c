//! Flags converted to the settings of the engine, which knows no command line.

use bus::Login;
use engine::parts::AnswerSettings;
use engine::store::expect_certificates;
use engine::{BusSettings, EngineSettings, ProcessSettings, ServiceSettings};
use secrecy::SecretString;
use workers::SweepSettings;

use super::{AnswerArgs, Global, ServiceArgs, SweepArgs};
use crate::secrets::password;
use crate::{Error, StoreUrl};

/// The variables that hold a password or a token of the bus where no file is named.
const BUS_PASSWORD: &str = "TRAMONTO_BUS_PASSWORD";
const BUS_TOKEN: &str = "TRAMONTO_BUS_TOKEN";

impl ServiceArgs {
    /// How the process is watched and stopped.
    pub fn process(&self) -> ProcessSettings {
        ProcessSettings { listen: self.listen.0, stop_within: self.stop_within.0 }
    }

    /// The settings of a service whose parts work like this.
    pub fn settings(
        &self,
        engine: EngineSettings,
        global: &Global,
    ) -> Result<ServiceSettings, Error> {
        let StoreUrl::Postgres(_) = &global.store else {
            return Err(Error::Invalid(format!(
                "services share a database and {} is a folder; name one as --store \
                 postgres://USER@HOST/NAME, or run all in one process with `tramonto run`",
                global.store
            )));
        };
        let (store, bus) = (global.settings()?, self.bus()?);
        let engine = EngineSettings { platform: self.platform.choice()?, ..engine };
        let (process, lease) = (self.process(), self.lease.0);
        Ok(ServiceSettings { store, bus, engine, process, lease })
    }

    fn bus(&self) -> Result<BusSettings, Error> {
        if self.bus.is_empty() {
            return Err(Error::Invalid(
                "services need a bus; name one as --bus nats://HOST:4222, or run all in one \
                 process with `tramonto run --store FOLDER`"
                    .to_owned(),
            ));
        }
        if let Some(authority) = &self.bus_root_certificate {
            expect_certificates(authority)?;
        }
        let plain = self.bus.iter().any(|server| server.0.scheme() != "tls");
        if self.bus_tls && plain && self.bus_root_certificate.is_none() {
            return Err(Error::Invalid(
                "--bus-tls needs a bus with TLS; write --bus tls://HOST:4222".to_owned(),
            ));
        }
        Ok(BusSettings {
            urls: self.bus.iter().map(|server| SecretString::from(server.0.as_str())).collect(),
            login: self.bus_login()?,
            root_certificate: self.bus_root_certificate.clone(),
            replicas: usize::from(self.bus_replicas),
        })
    }

    /// A credentials file comes before a token, and a token before a password.
    fn bus_login(&self) -> Result<Login, Error> {
        let token = password(self.bus_token_file.as_deref(), BUS_TOKEN)?;
        let secret = password(self.bus_password_file.as_deref(), BUS_PASSWORD)?;
        if let Some(file) = &self.bus_credentials {
            return Ok(Login::CredentialsFile(file.clone()));
        }
        if let Some(token) = token {
            return Ok(Login::Token(token));
        }
        let Some(password) = secret else { return Ok(Login::Open) };
        let user = self.bus.first().map_or("", |server| server.0.username()).to_owned();
        if user.is_empty() {
            return Err(Error::Invalid(
                "a password for the bus needs its user; write --bus nats://USER@HOST:4222"
                    .to_owned(),
            ));
        }
        Ok(Login::User { user, password })
    }
}

impl SweepArgs {
    /// The limits of the sweep.
    pub fn settings(&self) -> SweepSettings {
        SweepSettings { batch: self.batch, orders: self.orders }
    }
}

impl AnswerArgs {
    /// How mail servers are answered; `None` where no address says so.
    pub fn settings(&self) -> Option<AnswerSettings> {
        let listen = self.policy_listen?;
        Some(AnswerSettings { listen, ..self.anywhere() })
    }

    /// The same, at the default address where none is given.
    pub fn anywhere(&self) -> AnswerSettings {
        let usual = AnswerSettings::default();
        AnswerSettings {
            listen: self.policy_listen.unwrap_or(usual.listen),
            stale_after: self.policy_stale.0,
            domains: self.policy_domains.clone(),
        }
    }
}

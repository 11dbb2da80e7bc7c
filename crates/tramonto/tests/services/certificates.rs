//! A test certificate authority, and the certificates that it issues.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// The files of a server's certificate and of its key.
pub(crate) struct Certified {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, uuid::Uuid::now_v7().to_string());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Writes its root certificate.
    pub(crate) fn write(&self, file: &Path) -> String {
        fs::write(file, &self.certificate).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Issues a certificate for a server with these names. The files are written into the folder
    /// and belong to its owner: a database server accepts no key that others can read.
    pub(crate) fn certify(&self, names: &[&str], folder: &Path) -> Certified {
        let key = KeyPair::generate().unwrap();
        let params =
            CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
                .unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let write = |file: &str, text: &str| {
            let path = folder.join(file);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let owner = fs::metadata(folder).unwrap();
            std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
            path
        };
        Certified {
            certificate: write("server.crt", &certificate),
            key: write("server.key", &key.serialize_pem()),
        }
    }
}

//! A process that is pointed at the lab instead of the internet.

use crate::config::Loader;
use crate::error::Failure;
use crate::lab::{Lab, LabOptions};

/// Starts a lab and has the configuration lead to it. What is set after this still wins.
pub async fn with_lab(loader: &mut Loader, options: LabOptions) -> Result<Lab, Failure> {
    let lab = Lab::start(options).await?;
    loader.overrides(&lab.settings())?;
    Ok(lab)
}

//! A scrape, parsed by an independent OpenMetrics parser.

use openmetrics_parser::{
    MetricsExposition, OpenMetricsType, OpenMetricsValue, openmetrics::parse_openmetrics,
};
use testbed::{Context, Error, Result, bail, ensure};

pub(crate) struct Scrape {
    exposition: MetricsExposition<OpenMetricsType, OpenMetricsValue>,
}

impl Scrape {
    pub(crate) fn of(text: &str) -> Result<Self> {
        let exposition = parse_openmetrics(text);
        let exposition = exposition.map_err(|error| Error::msg(format!("{error:?}: {text}")))?;
        Ok(Self { exposition })
    }

    /// The sample of a family that has exactly these labels.
    fn sample(&self, family: &str, labels: &[(&str, &str)]) -> Result<&OpenMetricsValue> {
        let found =
            self.exposition.families.get(family).with_context(|| {
                format!("no {family} among {:?}", self.exposition.families.keys())
            })?;
        let sample = found.iter_samples().find(|sample| {
            sample.get_labelset().is_ok_and(|set| {
                set.iter().count() == labels.len()
                    && labels.iter().all(|(name, value)| set.get_label_value(name) == Some(*value))
            })
        });
        Ok(&sample.with_context(|| format!("no {family} with {labels:?}"))?.value)
    }

    /// The value of a counter, a gauge or an info.
    pub(crate) fn value(&self, family: &str, labels: &[(&str, &str)]) -> Result<f64> {
        match self.sample(family, labels)? {
            OpenMetricsValue::Counter(counter) => Ok(counter.value.as_f64()),
            OpenMetricsValue::Gauge(number) => Ok(number.as_f64()),
            OpenMetricsValue::Info => Ok(1.0),
            other => bail!("{family} is {other:?}"),
        }
    }

    pub(crate) fn expect(&self, family: &str, labels: &[(&str, &str)], value: f64) -> Result<()> {
        let found = self.value(family, labels)?;
        ensure!(found == value, "{family} with {labels:?} is {found} and not {value}");
        Ok(())
    }

    /// The count and the sum of a histogram.
    pub(crate) fn histogram(&self, family: &str) -> Result<(u64, f64)> {
        let OpenMetricsValue::Histogram(histogram) = self.sample(family, &[])? else {
            bail!("{family} is not a histogram");
        };
        let sum = histogram.sum.context("it has no sum")?.as_f64();
        Ok((histogram.count.context("it has no count")?, sum))
    }
}

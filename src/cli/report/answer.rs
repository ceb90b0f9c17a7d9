//! The query of a report, and its result.

use super::Request;
use crate::{
    cli::CliError,
    report::{self, Room, SalesReport},
    store::{Sales, SalesQuestion, Store, StoreError, Totals},
};

/// Which of the two reports is queried.
#[derive(Clone, Debug)]
pub(super) enum Query {
    /// All sales by product.
    Totals,
    /// Sales of a period, or by hour, day, month or kept field.
    Sales(SalesQuestion),
}

/// The result of the query.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Totals(Totals),
    Sales(SalesQuestion, Box<Sales>),
}

impl Query {
    /// Queries at most `top` products and the sum of the others.
    pub(super) async fn answer(
        &self,
        store: &Store,
        top: Option<usize>,
    ) -> Result<Answer, StoreError> {
        // One more product than shown is read: its row has the sum of all the others.
        let limit = top.and_then(|top| i64::try_from(top).ok()?.checked_add(1));
        match self {
            Self::Totals => Ok(Answer::Totals(store.totals(limit).await?)),
            Self::Sales(question) => {
                let question = SalesQuestion { limit, ..question.clone() };
                let sales = Box::new(store.sales(&question).await?);
                Ok(Answer::Sales(question, sales))
            }
        }
    }
}

impl Answer {
    pub(super) fn heading(&self, request: &Request) -> Vec<String> {
        match self {
            Self::Totals(totals) => vec![report::heading(totals)],
            Self::Sales(question, sales) => sales_report(request, question, sales).heading(),
        }
    }

    pub(super) fn table(&self, request: &Request, room: Room) -> Vec<String> {
        match self {
            Self::Totals(totals) => report::table(totals, request.top, request.style, room),
            Self::Sales(question, sales) => sales_report(request, question, sales).table(room),
        }
    }

    /// The note below the table.
    pub(super) fn note(&self, request: &Request) -> Option<String> {
        match self {
            Self::Totals(_) => None,
            Self::Sales(question, sales) => sales_report(request, question, sales).note(),
        }
    }

    pub(super) fn json(&self, request: &Request) -> Result<String, CliError> {
        match self {
            Self::Totals(totals) => report::json(totals, request.top)
                .map_err(|error| CliError::Failed(error.to_string())),
            Self::Sales(question, sales) => Ok(sales_report(request, question, sales).json()),
        }
    }

    pub(super) fn csv(&self, request: &Request) -> Result<Vec<u8>, CliError> {
        Ok(match self {
            Self::Totals(totals) => report::csv(totals, request.top)?,
            Self::Sales(question, sales) => sales_report(request, question, sales).csv()?,
        })
    }
}

fn sales_report<'a>(
    request: &'a Request,
    question: &'a SalesQuestion,
    sales: &'a Sales,
) -> SalesReport<'a> {
    let Request { style, time_zone, top, .. } = request;
    SalesReport { question, sales, style: *style, time_zone, top: *top }
}

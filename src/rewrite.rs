//! What happens to a parsed statement before it is planned: parameters are bound, and hidden columns
//! are brought out where they are asked for.
//!
//! Both work on the syntax tree, never on text. A parameter becomes a literal of its type. A statement
//! that names a hidden column reads its topic tables with all their columns, and its `*` leave the
//! hidden ones out; any other statement never sees them, so that natural joins, views and COPY of a
//! topic table do what its declaration says.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    DataType, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select,
    SelectItem, TableAlias, TableFactor, TableWithJoins, TimezoneInfo, Value, VisitMut, VisitorMut,
};

use crate::catalog::METADATA_SCHEMA;
use crate::script::{Bound, Parsed};
use crate::topic::columns::METADATA;

/// Binds the parameters of a statement and brings out the hidden columns that it names.
///
/// `is_topic` says whether a table is one of a topic's.
///
/// # Errors
/// A statement for which hidden columns cannot be brought out, with what to write instead.
pub fn rewrite(
    parsed: &Parsed,
    parameters: &BTreeMap<String, Bound>,
    is_topic: &dyn Fn(&str) -> bool,
) -> Result<Statement, String> {
    let mut statement = parsed.statement.clone();
    if !parsed.parameters.is_empty() {
        visit(&mut statement, &mut BindParameters(parameters))?;
    }
    if METADATA.iter().any(|name| parsed.words.contains(*name)) {
        let mut defined = CteNames(BTreeSet::new());
        visit(&mut statement, &mut defined)?;
        visit(&mut statement, &mut ExposeMetadata { is_topic, defined: defined.0 })?;
    }
    Ok(statement)
}

/// Applies `visitor` to the SQL in `statement`, also within EXPLAIN and COPY.
fn visit<V: VisitorMut<Break = String>>(statement: &mut Statement, visitor: &mut V) -> Result<(), String> {
    let flow = match statement {
        Statement::Statement(statement) => statement.visit(visitor),
        Statement::Explain(explain) => return visit(&mut explain.statement, visitor),
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => ControlFlow::Continue(()),
    };
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(problem),
    }
}

struct BindParameters<'a>(&'a BTreeMap<String, Bound>);

impl VisitorMut for BindParameters<'_> {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
        {
            match self.0.get(name.trim_start_matches('$')) {
                Some(bound) => *expr = literal(bound),
                None => return ControlFlow::Break(format!("parameter {name} has no value")),
            }
        }
        ControlFlow::Continue(())
    }
}

/// The value as a literal of its type.
fn literal(bound: &Bound) -> Expr {
    let text = bound.text.clone();
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let data_type = match bound.type_name.as_str() {
        // LIMIT and OFFSET want a bare number.
        "BIGINT" | "INT" | "INTEGER" | "SMALLINT" if is_digits => {
            return Expr::Value(Value::Number(text, false).with_empty_span());
        }
        "BIGINT" | "INT" | "INTEGER" | "SMALLINT" => DataType::BigInt(None),
        "DOUBLE" | "FLOAT" | "REAL" => DataType::DoublePrecision,
        "BOOLEAN" | "BOOL" => DataType::Boolean,
        "DATE" => DataType::Date,
        "TIMESTAMP" => DataType::Timestamp(None, TimezoneInfo::None),
        _ => return Expr::Value(Value::SingleQuotedString(text).with_empty_span()),
    };
    Expr::Cast {
        kind: datafusion::sql::sqlparser::ast::CastKind::Cast,
        expr: Box::new(Expr::Value(Value::SingleQuotedString(text).with_empty_span())),
        data_type,
        array: false,
        format: None,
    }
}

/// The names that WITH defines: they hide tables of the same name.
struct CteNames(BTreeSet<String>);

impl VisitorMut for CteNames {
    type Break = String;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| normalized(&table.alias.name)));
        ControlFlow::Continue(())
    }
}

struct ExposeMetadata<'a> {
    is_topic: &'a dyn Fn(&str) -> bool,
    defined: BTreeSet<String>,
}

impl ExposeMetadata<'_> {
    /// The name of the topic table that `factor` reads, if it is one.
    fn topic_name(&self, factor: &TableFactor) -> Option<String> {
        let TableFactor::Table { name, args: None, .. } = factor else { return None };
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return None };
        let name = normalized(ident);
        ((self.is_topic)(&name) && !self.defined.contains(&name)).then_some(name)
    }

    fn reads_topic(&self, tables: &[TableWithJoins]) -> bool {
        factors(tables).any(|factor| self.topic_name(factor).is_some())
    }
}

impl VisitorMut for ExposeMetadata<'_> {
    type Break = String;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        if !self.reads_topic(&select.from) {
            return ControlFlow::Continue(());
        }
        let joins = select.from.iter().flat_map(|table| &table.joins);
        if joins.clone().any(|join| is_natural(&join.join_operator)) {
            return ControlFlow::Break(
                "a NATURAL JOIN of topic tables cannot be mixed with their hidden columns: name the columns of the \
                 join with USING (…)"
                    .to_owned(),
            );
        }
        for item in &mut select.projection {
            if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item
                && options.opt_exclude.is_none()
                && options.opt_except.is_none()
            {
                let hidden = METADATA.iter().map(|name| ObjectName::from(vec![Ident::new(*name)]));
                options.opt_exclude = Some(ExcludeSelectItem::Multiple(hidden.collect()));
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<String> {
        let topic = self.topic_name(factor);
        if let (Some(topic), TableFactor::Table { name, alias, .. }) = (topic, factor) {
            let own = name.0.first().and_then(ObjectNamePart::as_ident).cloned();
            let own = own.unwrap_or_else(|| Ident::new(topic));
            alias.get_or_insert_with(|| TableAlias { explicit: true, name: own.clone(), columns: vec![], at: None });
            *name = ObjectName::from(vec![Ident::new(METADATA_SCHEMA), own]);
        }
        ControlFlow::Continue(())
    }
}

fn factors(tables: &[TableWithJoins]) -> impl Iterator<Item = &TableFactor> {
    tables
        .iter()
        .flat_map(|table| std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation)))
}

fn is_natural(join: &JoinOperator) -> bool {
    use JoinOperator as J;
    match join {
        J::Join(on)
        | J::Inner(on)
        | J::Left(on)
        | J::LeftOuter(on)
        | J::Right(on)
        | J::RightOuter(on)
        | J::FullOuter(on) => matches!(on, JoinConstraint::Natural),
        _ => false,
    }
}

/// An identifier as the planner reads it: lower case unless it is quoted.
fn normalized(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

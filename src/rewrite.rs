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
    DataType, ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TableFactor, TableWithJoins, TimezoneInfo, Value, VisitMut,
    VisitorMut, WildcardAdditionalOptions,
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
    if METADATA.iter().any(|name| parsed.words.contains_key(*name)) {
        if parsed.words.contains_key("natural") {
            return Err(
                "a NATURAL JOIN cannot be mixed with hidden columns, which all topics share: name the columns \
                        of the join with USING (…)"
                    .to_owned(),
            );
        }
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
    fn topic_name(&self, factor: &TableFactor) -> Option<Ident> {
        let TableFactor::Table { name, args: None, .. } = factor else { return None };
        let parts: Option<Vec<_>> = name.0.iter().map(ObjectNamePart::as_ident).collect();
        let (own, schema) = parts?.split_last().map(|(own, schema)| ((*own).clone(), schema.to_vec()))?;
        let schema: Vec<_> = schema.into_iter().map(normalized).collect();
        let is_default = matches!(
            &schema.iter().map(String::as_str).collect::<Vec<_>>()[..],
            [] | ["public"] | ["datafusion", "public"]
        );
        let known = normalized(&own);
        let is_defined = schema.is_empty() && self.defined.contains(&known);
        (is_default && !is_defined && (self.is_topic)(&known)).then_some(own)
    }

    /// What stands for `*`: each table's own, a topic's without its hidden columns.
    fn everything(&self, factors: &[&TableFactor]) -> Option<Vec<SelectItem>> {
        factors
            .iter()
            .map(|factor| {
                let name = ObjectName::from(vec![name_in_query(factor)?]);
                let options = match self.topic_name(factor) {
                    Some(_) => hiding(WildcardAdditionalOptions::default()),
                    None => WildcardAdditionalOptions::default(),
                };
                Some(SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options))
            })
            .collect()
    }

    fn hide_in(&self, select: &mut Select) -> Result<(), String> {
        let mut factors = vec![];
        let mut has_using = false;
        select.from.iter().for_each(|table| collect_factors(table, &mut factors, &mut has_using));
        let topics: BTreeSet<_> = factors
            .iter()
            .filter(|factor| self.topic_name(factor).is_some())
            .filter_map(|factor| Some(normalized(&name_in_query(factor)?)))
            .collect();
        if topics.is_empty() {
            return Ok(());
        }
        let everything = self.everything(&factors);
        let is_single = factors.len() == 1;
        let mut items = vec![];
        for item in std::mem::take(&mut select.projection) {
            match item {
                SelectItem::Wildcard(options) if is_single => items.push(SelectItem::Wildcard(hiding(options))),
                SelectItem::Wildcard(options) => match &everything {
                    Some(everything) if !has_using && options == WildcardAdditionalOptions::default() => {
                        items.extend(everything.iter().cloned());
                    }
                    _ => {
                        return Err(
                            "a query that joins a topic and names its hidden columns cannot say `*` here: name \
                                    the columns, or write t.* for each table"
                                .to_owned(),
                        );
                    }
                },
                SelectItem::QualifiedWildcard(kind, options) => {
                    let is_topic = match &kind {
                        SelectItemQualifiedWildcardKind::ObjectName(name) => {
                            let own = name.0.last().and_then(ObjectNamePart::as_ident);
                            own.is_some_and(|own| topics.contains(&normalized(own)))
                        }
                        SelectItemQualifiedWildcardKind::Expr(_) => false,
                    };
                    let options = if is_topic { hiding(options) } else { options };
                    items.push(SelectItem::QualifiedWildcard(kind, options));
                }
                other => items.push(other),
            }
        }
        select.projection = items;
        Ok(())
    }
}

impl VisitorMut for ExposeMetadata<'_> {
    type Break = String;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        match self.hide_in(select) {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => ControlFlow::Break(problem),
        }
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<String> {
        let topic = self.topic_name(factor);
        if let (Some(own), TableFactor::Table { name, alias, .. }) = (topic, factor) {
            if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
                return ControlFlow::Break(format!(
                    "the columns of {own} cannot be renamed in FROM where its hidden columns are named: rename them \
                     in SELECT"
                ));
            }
            alias.get_or_insert_with(|| TableAlias { explicit: true, name: own.clone(), columns: vec![], at: None });
            *name = ObjectName::from(vec![Ident::new(METADATA_SCHEMA), own]);
        }
        ControlFlow::Continue(())
    }
}

/// The options with the hidden columns among those left out.
fn hiding(mut options: WildcardAdditionalOptions) -> WildcardAdditionalOptions {
    let hidden = METADATA.iter().map(|name| ObjectName::from(vec![Ident::new(*name)]));
    let own = match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(column)) => vec![column],
        Some(ExcludeSelectItem::Multiple(columns)) => columns,
        None => vec![],
    };
    let is_hidden = |column: &ObjectName| METADATA.contains(&column.to_string().as_str());
    let own = own.into_iter().filter(|column| !is_hidden(column));
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(own.chain(hidden).collect()));
    options
}

/// The tables of a FROM, through parentheses; and whether a join merges columns.
fn collect_factors<'a>(table: &'a TableWithJoins, factors: &mut Vec<&'a TableFactor>, has_using: &mut bool) {
    let joined = table.joins.iter().map(|join| &join.relation);
    for factor in std::iter::once(&table.relation).chain(joined) {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                collect_factors(table_with_joins, factors, has_using);
            }
            factor => factors.push(factor),
        }
    }
    *has_using |= table.joins.iter().any(|join| join.to_string().to_uppercase().contains(" USING"));
}

/// By what a table's columns are qualified.
fn name_in_query(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(alias.name.clone()),
            None => name.0.last().and_then(ObjectNamePart::as_ident).cloned(),
        },
        TableFactor::Derived { alias, .. } => alias.as_ref().map(|alias| alias.name.clone()),
        _ => None,
    }
}

/// An identifier as the planner reads it: lower case unless it is quoted.
fn normalized(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

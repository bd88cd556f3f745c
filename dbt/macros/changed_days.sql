{#
  The days a daily model rebuilds. A daily model opens with

      {% call changed_days() %}
          select {{ business_day('ordered_at') }} as day from {{ rows_since('order_service', 'orders') }}
          union all ...
      {% endcall %}

  and keeps to them with {{ on_changed_day('ordered_at') }}. The days are found just before the model runs and kept in
  changed.<model>, where the materialization, the models after it and the publisher read them. A model that must be
  built whole (first build, changed SQL) never runs the query. opetence_assets.warehouse.changes fills schema `build`:

      build.plans     model, whole            how to build each daily model
      build.consumed  model, source, version  the silver versions its released table was built from
      build.left_days source, model, day      days of silver rows that left since then
      build.rebuilt   day                     days asked for by the run
#}
{% macro changed_days() %}
    {%- set days = caller() -%} {#- rendered while parsing too: it names sources -#}
    {%- if execute and not built_whole() -%}
        {%- do run_query(
            "create or replace table changed." ~ model.name ~ " as select day from (" ~ days ~ ") "
            ~ "where day is not null union select day from build.rebuilt"
        ) -%}
    {%- endif -%}
{% endmacro %}


{# Silver rows written after the version that this model's released table was built from. #}
{% macro rows_since(system, table) -%}
    (select * from {{ source(system, table) }} where _version > {{ consumed_version(system, table) }})
{%- endmacro %}


{# Business days that silver rows left (deleted or moved); a UTC day overlaps two business days. #}
{% macro days_left(system, table) -%}
    (
        select unnest([day, day + 1]) as day
        from build.left_days
        where model = '{{ model.name }}' and source = 'silver/{{ system }}/{{ table }}'
    )
{%- endmacro %}


{# The days another daily model rebuilds in this very build. #}
{% macro days_changed_in(name) -%} changed.{{ name }} {%- endmacro %}


{# True on the days being rebuilt; the bounds are constants so that Parquet row groups outside are never read. #}
{% macro on_changed_day(column, is_date=false) -%}
    {%- if not execute or built_whole() -%}
        true
    {%- else -%}
        {%- set span = run_query("select min(day), max(day) from changed." ~ model.name).rows[0] -%}
        {%- if span[0] is none -%}
            false
        {%- elif is_date -%}
            ({{ column }} between date '{{ span[0] }}' and date '{{ span[1] }}'
            and {{ column }} in (select day from changed.{{ model.name }}))
        {%- else -%}
            ({{ column }} >= timestamptz '{{ span[0] }} 00:00:00+00' - interval 1 day
            and {{ column }} < timestamptz '{{ span[1] }} 00:00:00+00' + interval 2 day
            and {{ business_day(column) }} in (select day from changed.{{ model.name }}))
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro built_whole() %}
    {% do return(run_query("select whole from build.plans where model = '" ~ model.name ~ "'").rows[0][0]) %}
{% endmacro %}


{% macro consumed_version(system, table) %}
    {% if not execute %}{% do return(-1) %}{% endif %}
    {% set found = run_query(
        "select version from build.consumed where model = '" ~ model.name ~ "' and source = 'silver/" ~ system ~ "/" ~ table ~ "'"
    ).rows %}
    {% do return(found[0][0] if found else -1) %}
{% endmacro %}


{# Whether a relation is a daily model that this build did not build whole. #}
{% macro is_built_by_day(relation) %}
    {% if not execute %}{% do return(false) %}{% endif %}
    {% set found = run_query("select not whole from build.plans where model = '" ~ relation.identifier ~ "'").rows %}
    {% do return(found[0][0] if found else false) %}
{% endmacro %}

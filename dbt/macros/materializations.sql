{#
  How models become tables. The database is empty when a build starts and private to it, so nothing is renamed into
  place, backed up or dropped as dbt's own materializations do (a sixth of a small build).
#}
{% materialization whole, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {{ create_table_as(False, target, compiled_code) }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#
  A large fact that rebuilds only its changed days. The model's SQL yields those days; they become the table
  fresh.<model> under the enforced contract, and the model itself a view: the released rows of every other day, and the
  fresh ones. Tests and later models see the whole table and nothing is copied.
#}
{% materialization daily, adapter='duckdb' %}
    {%- set target = this.incorporate(type='view') -%}
    {%- set fresh = api.Relation.create(database=this.database, schema='fresh', identifier=this.identifier, type='table') -%}
    {%- set day = config.require('meta').day -%}
    {%- set columns = model.columns.keys() | join(', ') -%}

    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {{ create_table_as(False, fresh, compiled_code) }}
    {%- endcall %}
    {% call statement('view') -%}
        {%- if built_whole() %}
            create table changed.{{ this.identifier }} as select distinct {{ day }} as day from {{ fresh }};
        {%- endif %}
        create view {{ target }} as
        select {{ columns }} from {{ fresh }}
        {% if not built_whole() -%}
            union all
            select {{ columns }} from released.{{ this.identifier }}
            where {{ day }} not in (select day from changed.{{ this.identifier }})
        {%- endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

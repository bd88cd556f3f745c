{# The zone of the business day; a test holds it to settings.BUSINESS_ZONE. #}
{% macro business_zone() -%} Europe/Berlin {%- endmacro %}


{# The business day (a date) of a UTC timestamp: the one place where gold turns moments into days. #}
{% macro business_day(moment) -%}
    cast({{ moment }} at time zone '{{ business_zone() }}' as date)
{%- endmacro %}


{# The first day of a date's month. #}
{% macro month_of(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}


{# A ratio with four decimals; null where there is nothing to divide by. #}
{% macro ratio(part, whole) -%}
    cast(({{ part }}) / nullif({{ whole }}, 0) as decimal(18, 4))
{%- endmacro %}


{# Schemas are named as declared, without dbt's prefix: the database is private to one build. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

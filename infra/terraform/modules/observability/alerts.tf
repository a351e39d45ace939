# What is told, and what to do then. Queries are PromQL, whose names Google makes of its own: the first / is a colon, and
# what else is no letter and no digit is _ (cloud.google.com/monitoring/promql/promql-mapping).
#
# The project is Berth's alone: so its load balancer is the only one, and its revisions are all.

locals {
  requests       = "loadbalancing_googleapis_com:https_request_count"
  latencies      = "loadbalancing_googleapis_com:https_total_latencies"
  instance_count = "run_googleapis_com:container_instance_count"
  outbox_age     = "logging_googleapis_com:user_${google_logging_metric.outbox_age.name}"
  collector_lag  = "logging_googleapis_com:user_${google_logging_metric.collector_lag.name}"
  errors         = "logging_googleapis_com:user_${google_logging_metric.errors.name}"

  # How many instances → the services that may have so many. What runs alone is always at its maximum.
  services_by_maximum = { for service, maximum in var.instances_max : tostring(maximum) => service... if maximum > 1 }

  logs    = "https://console.cloud.google.com/logs/query?project=${var.project}"
  runbook = "More: infra/terraform/README.md, “When an alert comes”."

  queries = {
    error-rate = {
      name     = "More than 2 % of requests fail"
      severity = "CRITICAL"
      duration = "300s"
      query    = <<-EOT
        sum(rate(${local.requests}{monitored_resource="https_lb_rule",response_code_class="500"}[5m]))
          / sum(rate(${local.requests}{monitored_resource="https_lb_rule"}[5m])) > 0.02
        and sum(increase(${local.requests}{monitored_resource="https_lb_rule"}[5m])) > 50
      EOT
      advice   = <<-EOT
        Of at least 50 requests in five minutes, more than 2 % were answered with 500 or above.

        1. [Errors of the functions](${local.logs}) by `severity>=ERROR`: “a request failed” has the stack, and Error Reporting groups them. Is it one function, since one release? Then roll back.
        2. No such lines, and the load balancer says 502 or 503 (`resource.type="http_load_balancer"`, `jsonPayload.statusDetails`): instances do not start, or are at their maximum. See the dashboard’s instances.
        3. “UNAVAILABLE” or “DEADLINE_EXCEEDED” of Firestore or Cloud Storage: [Google’s status](https://status.cloud.google.com).
      EOT
    }

    latency = {
      name     = "Requests are slow"
      severity = "WARNING"
      duration = "600s"
      # Layers take as long as they are large, so uploads and mirrors are left out. Few requests are mostly instances that start.
      query  = <<-EOT
        histogram_quantile(0.95, sum by (backend_target_name, le) (
          rate(${local.latencies}_bucket{monitored_resource="https_lb_rule",backend_target_name!~".*(uploads|mirror).*"}[10m]))) > 2000
        and on (backend_target_name) sum by (backend_target_name) (
          increase(${local.latencies}_count{monitored_resource="https_lb_rule",backend_target_name!~".*(uploads|mirror).*"}[10m])) > 100
      EOT
      advice = <<-EOT
        Of at least 100 requests to this function in ten minutes, one in twenty took longer than 2 seconds, client and network included.

        1. The dashboard’s latency by function, which is measured in the function: if that is low, it is the way there, or instances that start. Many starts: give the function `min_instance_count = 1`.
        2. High there: Firestore’s latency in its own console, and contention (“ABORTED”) in the [log](${local.logs}).
        3. One caller that asks too much: the log’s lines `jsonPayload.message="request"`, by `jsonPayload.actor` and `jsonPayload.address`.
      EOT
    }

    outbox-age = {
      name     = "Events are late"
      severity = "WARNING"
      duration = "300s"
      query    = <<-EOT
        histogram_quantile(0.99, sum by (registry_location, le) (
          increase(${local.outbox_age}_bucket{monitored_resource="cloud_run_revision"}[5m]))) > 600
      EOT
      advice   = <<-EOT
        A change has waited for more than ten minutes to be published, though the outbox is swept each minute. Pushes and pulls are not affected; subscribers learn of them late, and nothing is lost.

        1. [The log](${local.logs}) of the function events: “events were not published” tells why. “PERMISSION_DENIED”: the topic, or the right to publish on it, is gone; apply Terraform.
        2. No failures, and `more` is true in the line “the outbox was swept”: there are more changes than a sweep takes up. Run the Scheduler’s job of the sweep more often meanwhile.
      EOT
    }

    no-sweep = {
      name     = "The outbox is not swept"
      severity = "WARNING"
      duration = "900s"
      query    = "absent_over_time(${local.outbox_age}_count{monitored_resource=\"cloud_run_revision\"}[5m])"
      advice   = <<-EOT
        No sweep has ended for a quarter of an hour. Most events are still published, by the trigger; what a failure left is not.

        1. Cloud Scheduler: is the job of the sweep enabled, and what did its last attempt say? 401 or 403: its service account may not call the function events; apply Terraform.
        2. [The log](${local.logs}) of the function events: does it start?
      EOT
    }

    collector-lag = {
      name     = "The collector is behind"
      severity = "WARNING"
      duration = "0s"
      query    = <<-EOT
        histogram_quantile(0.99, sum by (registry_location, le) (
          increase(${local.collector_lag}_bucket{monitored_resource="cloud_run_revision"}[30m]))) > 7200
      EOT
      advice   = <<-EOT
        A review was due more than two hours ago and is not done, though the collector runs every ten minutes. Nothing breaks; what nobody wants is stored, and paid for, longer.

        1. [The log](${local.logs}) of the function collector: “a review failed” tells why.
        2. No failures, and `reviewed` is 10,000: more was deleted than it takes up in a run. Run its Scheduler job by hand, or more often, until the lag is 0.
      EOT
    }

    no-collector = {
      name     = "The collector does not run"
      severity = "WARNING"
      duration = "1800s"
      # A run may take half an hour, and while it does no other begins.
      query  = "absent_over_time(${local.collector_lag}_count{monitored_resource=\"cloud_run_revision\"}[40m])"
      advice = <<-EOT
        No run of the collector has ended for more than an hour. Nothing breaks; what nobody wants is stored, and paid for, longer.

        1. Cloud Scheduler: is its job enabled, and what did its last attempt say? 401 or 403: its service account may not call the function; apply Terraform.
        2. [The log](${local.logs}) of the function collector: does it start, and does a run take longer than it may?
      EOT
    }

    errors = {
      name     = "A function logs errors"
      severity = "WARNING"
      duration = "0s"
      query    = "sum by (service_name) (increase(${local.errors}{monitored_resource=\"cloud_run_revision\"}[15m])) > 10"
      advice   = <<-EOT
        More than ten lines in a quarter of an hour tell of an error on our side; each has a message that says what could not be done.

        1. [The log](${local.logs}), by `severity>=ERROR` and the name of the service. Error Reporting groups those with a stack.
        2. Since a release: roll back. Otherwise what the message names: Firestore, Cloud Storage, Pub/Sub, an upstream.
      EOT
    }
  }

  # A policy for each maximum, of the services that have it.
  instance_queries = {
    for maximum, services in local.services_by_maximum : "instances-${maximum}" => {
      name     = "All ${maximum} instances of a function are in use"
      severity = "WARNING"
      duration = "300s"
      query    = <<-EOT
        sum by (service_name) (max_over_time(
          ${local.instance_count}{monitored_resource="cloud_run_revision",state="active",service_name=~"${join("|", services)}"}[5m])) >= ${maximum}
      EOT
      advice   = <<-EOT
        The function has as many instances as it may for five minutes: further requests wait, and fail with 429 or 503 when they wait too long.

        1. The dashboard’s requests and latency: more requests than ever, or slow ones that hold their instances?
        2. One caller that asks too much: the [log’s](${local.logs}) lines `jsonPayload.message="request"`, by `jsonPayload.address`. Cloud Armor’s rules hold it back.
        3. Honest load: raise the maximum where the module sets it; the project’s quota of Cloud Run instances in the region must allow it.
      EOT
    }
  }

  # Conditions on Google's own figures that are not numbers that add up, as Google's console makes them.
  thresholds = {
    uptime = {
      name      = "The registry does not answer"
      severity  = "CRITICAL"
      filter    = "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type=\"uptime_url\""
      compare   = "COMPARISON_GT"
      threshold = 1
      duration  = "60s"
      period    = "1200s"
      aligner   = "ALIGN_NEXT_OLDER"
      reducer   = "REDUCE_COUNT_FALSE"
      group_by  = ["metric.label.check_id", "resource.label.host"]
      advice    = <<-EOT
        From two places or more, the registry did not answer as it should: `/v2/` with 401, or `/.well-known/jwks.json` with the public keys.

        1. `curl -i https://HOST/v2/`: does the name resolve to the load balancer’s addresses (`terraform output addresses`), and is the certificate valid?
        2. 404 of Google’s own: the URL map does not send this host to a function. 502 or 503: the function does not start; its [log](${local.logs}) says why. A secret that it may not read is the usual reason.
        3. After a release: roll back.
      EOT
    }

    certificate = {
      name      = "A certificate was not renewed"
      severity  = "CRITICAL"
      filter    = "metric.type=\"monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires\" AND resource.type=\"uptime_url\""
      compare   = "COMPARISON_LT"
      threshold = 14
      duration  = "600s"
      period    = "1200s"
      aligner   = "ALIGN_NEXT_OLDER"
      reducer   = "REDUCE_MEAN"
      group_by  = ["resource.label.host"]
      advice    = <<-EOT
        The certificate that clients are shown is valid for less than 14 days, and Google renews it a month before. When it ends, every client refuses the registry.

        1. `gcloud certificate-manager certificates list`: its state, and what failed in its authorization attempt.
        2. The domain’s record `_acme-challenge` must still be there (`terraform output dns_records`), and a CAA record, if there is one, must allow `pki.goog`.
      EOT
    }

    dead-letters = {
      name      = "Events that no subscriber took"
      severity  = "WARNING"
      filter    = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type=\"pubsub_subscription\" AND resource.label.subscription_id=\"${var.dead_letter_subscription}\""
      compare   = "COMPARISON_GT"
      threshold = 0
      duration  = "0s"
      period    = "300s"
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_SUM"
      group_by  = []
      advice    = <<-EOT
        A subscriber refused an event as often as it is tried, so it was put aside. Pushes and pulls are not affected.

        1. Look at them, which takes none away: `gcloud pubsub subscriptions pull ${var.dead_letter_subscription} --project=${var.project} --limit=10`. The attribute `CloudPubSubDeadLetterSourceSubscription` names the subscriber.
        2. Set that right. Then publish them anew, or let it read the registry’s list, and take them away: `gcloud pubsub subscriptions seek ${var.dead_letter_subscription} --time=$(date -Iseconds) --project=${var.project}`.
      EOT
    }
  }
}

resource "google_monitoring_alert_policy" "queries" {
  for_each = merge(local.queries, local.instance_queries)

  project               = var.project
  display_name          = "Berth: ${each.value.name}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = each.value.name

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.duration
      evaluation_interval = "60s"
      # Figures that are made of lines exist only once there was such a line.
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.advice}\n${local.runbook}"
  }

  alert_strategy {
    auto_close = "86400s"
  }
}

resource "google_monitoring_alert_policy" "thresholds" {
  for_each = local.thresholds

  project               = var.project
  display_name          = "Berth: ${each.value.name}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = each.value.name

    condition_threshold {
      filter          = each.value.filter
      comparison      = each.value.compare
      threshold_value = each.value.threshold
      duration        = each.value.duration

      aggregations {
        alignment_period     = each.value.period
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = each.value.group_by
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.advice}\n${local.runbook}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  # The figures of uptime checks come with the first of them.
  depends_on = [google_monitoring_uptime_check_config.checks]
}

# Who is told, and what it costs. What is looked at stands in the files beside: uptime.tf, metrics.tf, alerts.tf, dashboard.json.

terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  project      = var.project
  display_name = "Berth: ${var.alert_email}"
  type         = "email"

  labels = {
    email_address = var.alert_email
  }
}

resource "google_monitoring_dashboard" "berth" {
  project = var.project

  dashboard_json = templatefile("${path.module}/dashboard.json", {
    project = var.project
    budget  = var.monthly_budget == null ? "There is no budget: set `monthly_budget`." : "Told at 50, 90 and 100 % of ${floor(var.monthly_budget)} a month."
  })
}

data "google_project" "this" {
  project_id = var.project
}

# It tells, and stops nothing: a registry that no longer answers is dearer than what it costs.
resource "google_billing_budget" "monthly" {
  count = var.monthly_budget == null ? 0 : 1

  billing_account = data.google_project.this.billing_account
  display_name    = "Berth: ${var.project}"

  budget_filter {
    projects        = ["projects/${data.google_project.this.number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      units = tostring(floor(var.monthly_budget))
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]

    content {
      threshold_percent = threshold_rules.value
      spend_basis       = "CURRENT_SPEND"
    }
  }

  # While there is still time to look why.
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.email.id]
  }
}

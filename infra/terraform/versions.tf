terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source = "hashicorp/google"
      # What default_uri_disabled is in: it left beta in autumn 2025.
      version = "~> 7.10"
    }
  }

  # The bucket is given to `terraform init -backend-config=bucket=…`: a backend takes no variables.
  backend "gcs" {
    prefix = "berth"
  }
}

provider "google" {
  project = var.project
  region  = local.region

  # Budgets are asked for in the name of a project, which credentials of a person do not have by themselves.
  billing_project       = var.project
  user_project_override = true
}

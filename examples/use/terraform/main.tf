terraform {
  required_providers {
    jenkins = {
      source  = "taiidani/jenkins"
      version = "~> 0.10"
    }
  }
}

# server_url, username and password come from the environment.
provider "jenkins" {}

resource "jenkins_folder" "web" {
  name = "web"
}
